"""The Vertex AI messages (v1, v1beta1) that the stand-in reads and writes.

Tests compare every table with Google's discovery documents, so these hold facts only. Fields whose content the
stand-in never looks into (tools, evaluation settings) are `value`: any JSON passes.
"""

from bot.sandbox.google.generative_schema import ENUMS as GENERATIVE_ENUMS
from bot.sandbox.google.vertex_content_schema import CONTENT_MESSAGES
from bot.sandbox.google.wire import Fields, Schema

PACKAGE = "google.cloud.aiplatform"

_HYPERPARAMETERS: Fields = {
    "epochCount": "int64",
    "learningRateMultiplier": "double",
    "adapterSize": "enum:AdapterSize",
}
_TUNING_SPEC: Fields = {
    "trainingDatasetUri": "string",
    "validationDatasetUri": "string",
    "hyperParameters": "SupervisedHyperParameters",
    "exportLastCheckpointOnly": "bool",
    "evaluationConfig": "value",
}
_TUNING_JOB: Fields = {
    "name": "string",
    "tunedModelDisplayName": "string",
    "description": "string",
    "baseModel": "string",
    "preTunedModel": "PreTunedModel",
    "supervisedTuningSpec": "SupervisedTuningSpec",
    "preferenceOptimizationSpec": "PreferenceOptimizationSpec",
    "state": "string",
    "createTime": "timestamp",
    "startTime": "timestamp",
    "endTime": "timestamp",
    "updateTime": "timestamp",
    "error": "Status",
    "labels": "labels",
    "experiment": "string",
    "tunedModel": "TunedModel",
    "tuningDataStats": "TuningDataStats",
    "encryptionSpec": "value",
    "serviceAccount": "string",
    "gcsMetricsUri": "string",
    "evaluateDatasetRuns": "[]value",
}
_MESSAGES: dict[str, Fields] = {
    **CONTENT_MESSAGES,
    "TuningJob": _TUNING_JOB,
    "PreTunedModel": {"tunedModelName": "string", "checkpointId": "string", "baseModel": "string"},
    "SupervisedTuningSpec": _TUNING_SPEC,
    "SupervisedHyperParameters": _HYPERPARAMETERS,
    "PreferenceOptimizationSpec": {
        "trainingDatasetUri": "string",
        "validationDatasetUri": "string",
        "hyperParameters": "PreferenceOptimizationHyperParameters",
        "exportLastCheckpointOnly": "bool",
    },
    "PreferenceOptimizationHyperParameters": {**_HYPERPARAMETERS, "beta": "double"},
    "TunedModel": {"model": "string", "endpoint": "string", "checkpoints": "[]TunedModelCheckpoint"},
    "TunedModelCheckpoint": {
        "checkpointId": "string",
        "epoch": "int64",
        "step": "int64",
        "endpoint": "string",
    },
    "TuningDataStats": {"supervisedTuningDataStats": "SupervisedTuningDataStats"},
    "SupervisedTuningDataStats": {
        "tuningDatasetExampleCount": "int64",
        "totalTuningCharacterCount": "int64",
        "totalBillableTokenCount": "int64",
        "tuningStepCount": "int64",
        "userInputTokenDistribution": "SupervisedTuningDatasetDistribution",
        "userOutputTokenDistribution": "SupervisedTuningDatasetDistribution",
        "userMessagePerExampleDistribution": "SupervisedTuningDatasetDistribution",
        "userDatasetExamples": "[]Content",
        "totalTruncatedExampleCount": "int64",
        "truncatedExampleIndices": "[]int64",
        "droppedExampleReasons": "[]string",
    },
    "SupervisedTuningDatasetDistribution": {
        "sum": "int64",
        "billableSum": "int64",
        "min": "double",
        "max": "double",
        "mean": "double",
        "median": "double",
        "p5": "double",
        "p95": "double",
        "buckets": "[]SupervisedTuningDatasetDistributionDatasetBucket",
    },
    "SupervisedTuningDatasetDistributionDatasetBucket": {
        "count": "double",
        "left": "double",
        "right": "double",
    },
    "Status": {"code": "int32", "message": "string", "details": "[]value"},
    "ListTuningJobsResponse": {"tuningJobs": "[]TuningJob", "nextPageToken": "string"},
    "Endpoint": {
        "name": "string",
        "displayName": "string",
        "deployedModels": "[]DeployedModel",
        "labels": "labels",
        "createTime": "timestamp",
        "updateTime": "timestamp",
    },
    "DeployedModel": {
        "id": "string",
        "model": "string",
        "displayName": "string",
        "createTime": "timestamp",
        "modelVersionId": "string",
        "checkpointId": "string",
    },
    "ListEndpointsResponse": {"endpoints": "[]Endpoint", "nextPageToken": "string"},
    "UndeployModelRequest": {"deployedModelId": "string", "trafficSplit": "value"},
    "Model": {
        "name": "string",
        "versionId": "string",
        "displayName": "string",
        "deployedModels": "[]DeployedModelRef",
        "labels": "labels",
        "createTime": "timestamp",
        "updateTime": "timestamp",
    },
    "DeployedModelRef": {"endpoint": "string", "deployedModelId": "string", "checkpointId": "string"},
    "ListModelsResponse": {"models": "[]Model", "nextPageToken": "string"},
    "Context": {
        "name": "string",
        "displayName": "string",
        "labels": "labels",
        "createTime": "timestamp",
        "updateTime": "timestamp",
        "parentContexts": "[]string",
        "schemaTitle": "string",
        "schemaVersion": "string",
        "metadata": "value",
    },
    "ListContextsResponse": {"contexts": "[]Context", "nextPageToken": "string"},
    "TensorboardTimeSeries": {
        "name": "string",
        "displayName": "string",
        "valueType": "string",
        "createTime": "timestamp",
        "updateTime": "timestamp",
        "pluginName": "string",
        "metadata": "TensorboardTimeSeriesMetadata",
    },
    "TensorboardTimeSeriesMetadata": {"maxStep": "int64", "maxWallTime": "timestamp"},
    "ListTensorboardTimeSeriesResponse": {
        "tensorboardTimeSeries": "[]TensorboardTimeSeries",
        "nextPageToken": "string",
    },
    "ReadTensorboardTimeSeriesDataResponse": {"timeSeriesData": "TimeSeriesData"},
    "TimeSeriesData": {
        "tensorboardTimeSeriesId": "string",
        "valueType": "string",
        "values": "[]TimeSeriesDataPoint",
    },
    "TimeSeriesDataPoint": {"wallTime": "timestamp", "step": "int64", "scalar": "Scalar"},
    "Scalar": {"value": "double"},
}
_ENUMS: dict[str, tuple[str, ...]] = {
    # In the order of their numbers: ONE is 1, FOUR is 2, and so on; TWO came last and is 6.
    "AdapterSize": (
        "ADAPTER_SIZE_UNSPECIFIED",
        "ADAPTER_SIZE_ONE",
        "ADAPTER_SIZE_FOUR",
        "ADAPTER_SIZE_EIGHT",
        "ADAPTER_SIZE_SIXTEEN",
        "ADAPTER_SIZE_THIRTY_TWO",
        "ADAPTER_SIZE_TWO",
    ),
    "HarmCategory": GENERATIVE_ENUMS["HarmCategory"],
    "HarmProbability": GENERATIVE_ENUMS["HarmProbability"],
    "Modality": GENERATIVE_ENUMS["Modality"],
}
_ONEOFS = {
    "TuningJob": {
        "source_model": ("baseModel", "preTunedModel"),
        "tuning_spec": ("supervisedTuningSpec", "preferenceOptimizationSpec"),
    }
}

VERTEX = Schema(package=f"{PACKAGE}.v1", messages=_MESSAGES, enums=_ENUMS, oneofs=_ONEOFS)
VERTEX_BETA = Schema(
    package=f"{PACKAGE}.v1beta1",
    messages={
        **_MESSAGES,
        "TuningJob": {
            **_TUNING_JOB,
            "tuningJobState": "string",
            "tuningJobMetadata": "TuningJobMetadata",
        },
        "TuningJobMetadata": {"completedEpochCount": "int64", "completedStepCount": "int64"},
        "GenerationConfig": {**CONTENT_MESSAGES["GenerationConfig"], "modelConfig": "value"},
        "Part": {**CONTENT_MESSAGES["Part"], "mediaProcessing": "value"},
        "SupervisedTuningSpec": {**_TUNING_SPEC, "tuningMode": "string"},
        "SupervisedHyperParameters": {**_HYPERPARAMETERS, "batchSize": "int64", "learningRate": "double"},
    },
    enums=_ENUMS,
    oneofs=_ONEOFS,
)
