"""Writes the stand-in's table of Google's messages from the descriptions that Google's own packages carry.

The Gemini API (v1beta) and the PaLM API (v1beta3) come from the protos of google-ai-generativelanguage, Vertex AI
from the discovery documents of google-api-python-client. After an update of one of them, run
`python -m tests.outside.api_messages`; with `--check` it writes nothing and fails where the file would change.
"""

import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tests.outside import discovery, protos

TABLE = Path(__file__).parents[2] / "bot" / "sandbox" / "google" / "api_messages.json"
# The messages that the stand-in reads and writes. A field that holds another message is `value`: any JSON passes.
SHARED = """TunedModel TunedModelSource TuningTask Hyperparameters Dataset TuningExamples TuningExample
    TuningSnapshot CreateTunedModelMetadata ListTunedModelsResponse SafetySetting SafetyRating"""
PALM = f"""{SHARED} GenerateTextRequest TextPrompt GenerateTextResponse TextCompletion ContentFilter SafetyFeedback
    CountTextTokensRequest CountTextTokensResponse"""
GEMINI = f"""{SHARED} GenerateContentRequest GenerationConfig Content Part GenerateContentResponse Candidate
    GenerateContentResponse.PromptFeedback GenerateContentResponse.UsageMetadata ModalityTokenCount
    CountTokensRequest CountTokensResponse"""
VERTEX = """TuningJob PreTunedModel SupervisedTuningSpec SupervisedHyperParameters PreferenceOptimizationSpec
    PreferenceOptimizationHyperParameters TunedModel TunedModelCheckpoint TuningDataStats SupervisedTuningDataStats
    SupervisedTuningDatasetDistribution SupervisedTuningDatasetDistributionDatasetBucket GoogleRpcStatus
    ListTuningJobsResponse GenerateContentRequest GenerationConfig Content Part GenerateContentResponse Candidate
    GenerateContentResponsePromptFeedback GenerateContentResponseUsageMetadata ModalityTokenCount SafetyRating
    CountTokensRequest CountTokensResponse Endpoint DeployedModel UndeployModelRequest Model
    DeployedModelRef ListModelsResponse Context ListContextsResponse TensorboardTimeSeries
    TensorboardTimeSeriesMetadata ListTensorboardTimeSeriesResponse ReadTensorboardTimeSeriesDataResponse
    TimeSeriesData TimeSeriesDataPoint Scalar RebaseTunedModelRequest TunedModelRef GoogleLongrunningOperation"""
# Kinds of tuning that the stand-in does not do: it refuses them as unknown names.
LEFT_OUT = {
    "TuningJob": {
        "customBaseModel", "distillationSpec", "fullFineTuningSpec", "outputUri", "partnerModelTuningSpec",
        "pipelineJob", "reinforcementTuningSpec", "satisfiesPzi", "satisfiesPzs", "veoLoraTuningSpec",
        "veoTuningSpec",
    }
}  # fmt: skip
# What a discovery document does not say (google/cloud/aiplatform/v1/tuning_job.proto and content.proto): fields of
# which one at most is set, a zero that is written, and enum values in the order of their numbers.
ONEOFS = {
    "TuningJob": {
        "source_model": ["baseModel", "preTunedModel"],
        "tuning_spec": ["supervisedTuningSpec", "preferenceOptimizationSpec"],
    },
    "TunedModelRef": {"tuned_model_ref": ["tunedModel", "tuningJob", "pipelineJob"]},
}
PRESENT = {("Part", "text")}
SIZES = ("UNSPECIFIED", "ONE", "FOUR", "EIGHT", "SIXTEEN", "THIRTY_TWO", "TWO")
NUMBERED = {"AdapterSize": [f"ADAPTER_SIZE_{size}" for size in SIZES]}
SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
}
Table = dict[str, Any]


def proto_table(version: str, names: str) -> Table:
    """Return the table of `v1beta3` or `v1beta`."""
    package = f"google.ai.generativelanguage.{version}"
    table: Table = {"package": package, "messages": {}, "enums": {}, "oneofs": {}}
    wanted = names.split()
    for name in wanted:
        described = _descriptor(version, name)
        fields = {}
        for field in described.fields:
            kind = _proto_kind(field, package, wanted)
            zero_is_written = field.has_presence and field.message_type is None
            fields[field.json_name] = f"?{kind}" if zero_is_written else kind
            if field.enum_type is not None:
                table["enums"][_below(package, field.enum_type)] = [value.name for value in field.enum_type.values]
        table["messages"][name] = fields
        groups = {
            group.name: [field.json_name for field in group.fields]
            for group in described.oneofs
            if len(group.fields) > 1
        }
        if groups:
            table["oneofs"][name] = groups
    return table


def _descriptor(version: str, name: str) -> Descriptor:
    outer, *nested = name.split(".")
    described = protos.parse(version, outer, {}).DESCRIPTOR
    for inner in nested:
        described = described.nested_types_by_name[inner]
    return described


def _below(package: str, described: Descriptor | EnumDescriptor) -> str:
    return str(described.full_name).removeprefix(f"{package}.")


def _proto_kind(field: FieldDescriptor, package: str, wanted: list[str]) -> str:
    prefix = "[]" if field.is_repeated else ""
    if field.message_type is not None:
        name = _below(package, field.message_type)
        known = {"google.protobuf.Timestamp": "timestamp"} | {name: name for name in wanted}
        return prefix + known.get(name, "value")
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values]
        assert numbers == list(range(len(numbers))), f"{field.enum_type.full_name} has gaps in its numbers"
        return f"{prefix}enum:{_below(package, field.enum_type)}"
    return prefix + SCALARS[field.type]


def discovery_table(version: str, more: str = "") -> Table:
    """Return the table of Vertex AI `v1` or `v1beta1`."""
    table: Table = {
        "package": f"google.cloud.aiplatform.{version}", "messages": {}, "enums": {}, "oneofs": ONEOFS
    }  # fmt: skip
    document = discovery.vertex(version)
    wanted = [*VERTEX.split(), *more.split()]
    for name in wanted:
        fields = {}
        for field, described in document.fields(name).items():
            if field in LEFT_OUT.get(name, ()):
                continue
            kind = _discovery_kind(described, field, document.prefix, wanted, table["enums"])
            fields[field] = f"?{kind}" if (name, field) in PRESENT else kind
        table["messages"][name] = fields
    return table


def _discovery_kind(
    described: dict[str, Any], field: str, prefix: str, wanted: list[str], enums: dict[str, list[str]]
) -> str:
    if "$ref" in described:
        name = described["$ref"].removeprefix(prefix)
        return name if name in wanted else "value"
    match described["type"], described.get("format"):
        case "array", _:
            return "[]" + _discovery_kind(described["items"], field, prefix, wanted, enums)
        case "object", _ if described.get("additionalProperties") == {"type": "string"}:
            return "labels"
        case "any" | "object", _:
            return "value"
        case "boolean", _:
            return "bool"
        case "string", "google-datetime":
            return "timestamp"
        case "string", "byte":
            return "bytes"
        case "string", None if "enum" in described:
            name = field[0].upper() + field[1:]
            values = NUMBERED.get(name, described["enum"])
            assert set(values) == set(described["enum"]), f"{name} has other values than NUMBERED says"
            assert enums.setdefault(name, values) == values, f"two enums would be named {name}"
            return f"enum:{name}"
        case "string", "google-duration" | None:
            return "string"
        case "string" | "integer" | "number", str(form):
            return form
    raise AssertionError(f"{field} is described in a way not known here: {described}")


def generated() -> str:
    """Return the content of the file: one message or enum a line, so that a change is read easily."""
    tables = {
        "v1beta3": proto_table("v1beta3", PALM),
        "v1beta": proto_table("v1beta", GEMINI),
        "v1": discovery_table("v1"),
        "v1beta1": discovery_table("v1beta1", "TuningJobMetadata"),
    }
    versions = []
    for version, table in tables.items():
        parts = [f'"package": {json.dumps(table["package"])}']
        for part in ("messages", "enums", "oneofs"):
            lines = [f"{json.dumps(name)}: {json.dumps(content)}" for name, content in table[part].items()]
            parts.append(f'"{part}": {{\n  ' + ",\n  ".join(lines) + "\n }")
        versions.append(f'"{version}": {{\n ' + ",\n ".join(parts) + "\n}")
    return "{\n" + ",\n".join(versions) + "\n}\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it; return the exit code."""
    content = generated()
    if "--check" not in arguments:
        TABLE.write_text(content, "utf-8")
        return 0
    if TABLE.read_text("utf-8") == content:
        return 0
    print(f"{TABLE.name} is not what Google's packages say: run python -m tests.outside.api_messages")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
