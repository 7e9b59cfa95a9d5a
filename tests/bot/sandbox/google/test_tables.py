"""The stand-in's tables of fields, held against Google's own descriptions of every message."""

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from bot.sandbox.google.generative_schema import GEMINI, PALM
from bot.sandbox.google.vertex_schema import VERTEX, VERTEX_BETA
from bot.sandbox.google.wire import Schema
from tests.outside import discovery, protos

SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
}
# Requests must be complete, or the stand-in would refuse a field that Google takes.
REQUESTS = {
    "TunedModel",
    "TuningTask",
    "Hyperparameters",
    "TuningExample",
    "Dataset",
    "GenerateTextRequest",
    "TextPrompt",
    "GenerateContentRequest",
    "GenerationConfig",
    "Content",
    "Part",
    "CountTokensRequest",
    "Permission",
    "TransferOwnershipRequest",
}
VERTEX_REQUESTS = {
    "TuningJob",
    "PreTunedModel",
    "SupervisedTuningSpec",
    "SupervisedHyperParameters",
    "PreferenceOptimizationSpec",
    "PreferenceOptimizationHyperParameters",
    "GenerateContentRequest",
    "GenerationConfig",
    "Content",
    "Part",
    "UndeployModelRequest",
    "CountTokensRequest",
}
# Kinds of tuning that the stand-in has not: it refuses them as unknown names.
LEFT_OUT = {
    "customBaseModel",
    "distillationSpec",
    "fullFineTuningSpec",
    "outputUri",
    "partnerModelTuningSpec",
    "pipelineJob",
    "reinforcementTuningSpec",
    "satisfiesPzi",
    "satisfiesPzs",
    "veoLoraTuningSpec",
    "veoTuningSpec",
}
NESTED = {"PromptFeedback": "GenerateContentResponse", "UsageMetadata": "GenerateContentResponse"}


def described(version: str, message: str) -> Descriptor:
    """Return Google's descriptor of a message, also of one nested in another."""
    if version == "v1beta" and message in NESTED:
        outer = protos.parse(version, NESTED[message], {}).DESCRIPTOR
        return outer.nested_types_by_name[message]
    return protos.parse(version, message, {}).DESCRIPTOR


def kind_of(field: FieldDescriptor) -> str:
    """Return Google's field in the words of our tables."""
    prefix = "[]" if field.is_repeated else ""
    if field.message_type is not None:
        return prefix + ("timestamp" if field.message_type.name == "Timestamp" else field.message_type.name)
    if field.enum_type is not None:
        return f"{prefix}enum:{field.enum_type.name}"
    return prefix + SCALARS[field.type]


@pytest.mark.parametrize(("version", "schema"), [("v1beta3", PALM), ("v1beta", GEMINI)])
def test_every_table_of_the_generative_apis_agrees_with_googles_protos(version: str, schema: Schema) -> None:
    for message, table in schema.messages.items():
        real = {field.json_name: field for field in described(version, message).fields}
        for name, kind in table.items():
            if name == "@type":
                continue
            assert name in real, f"{message} has no {name}"
            ours, field = kind.lstrip("?"), real[name]
            # `value` stands for what is never looked into; a reason is a plain string to allow unknown ones.
            unread = ours in ("value", "[]value") or (ours == "string" and field.enum_type is not None)
            assert unread or ours == kind_of(field), f"{message}.{name} is {kind_of(field)}, not {ours}"
            if not unread and not field.is_repeated and field.message_type is None:
                assert kind.startswith("?") == field.has_presence, f"{message}.{name}: presence"
            if ours.startswith("enum:"):
                values = field.enum_type.values
                assert [value.name for value in values] == list(schema.enums[ours[5:]]), ours
        if message in REQUESTS:
            assert real.keys() == table.keys(), f"{message} is not complete"


@pytest.mark.parametrize(("version", "schema"), [("v1", VERTEX), ("v1beta1", VERTEX_BETA)])
def test_every_table_of_vertex_agrees_with_the_discovery_document(version: str, schema: Schema) -> None:
    document = discovery.vertex(version)
    aliases = {"Status": "GoogleRpcStatus", "UsageMetadata": "GenerateContentResponseUsageMetadata"}
    aliases["PromptFeedback"] = "GenerateContentResponsePromptFeedback"
    for message, table in schema.messages.items():
        real = document.fields(aliases.get(message, message))
        for name, kind in table.items():
            assert name in real, f"{message} has no {name}"
            assert agrees(kind.lstrip("?"), real[name], schema), f"{message}.{name}: {kind} and {real[name]}"
        if message in VERTEX_REQUESTS:
            assert real.keys() - LEFT_OUT == table.keys(), f"{message} is not complete"


def agrees(kind: str, field: dict[str, Any], schema: Schema) -> bool:
    """Say whether one of our words describes a field of the document."""
    if kind in ("value", "[]value"):
        return True
    if kind.startswith("[]"):
        return field["type"] == "array" and agrees(kind[2:], field["items"], schema)
    if kind[0].isupper():
        return str(field["$ref"]).endswith(kind)
    match kind:
        case "timestamp":
            return field["format"] == "google-datetime"
        case "labels":
            return field["additionalProperties"] == {"type": "string"}
        case "bytes":
            return field["format"] == "byte"
        case "string":
            return field["type"] == "string" and "format" not in field
        case "bool":
            return field["type"] == "boolean"
        case "int32" | "int64" | "float" | "double":
            return field["format"] == kind
        case _:
            # The document sorts adapter sizes by size; their numbers are the proto's.
            return "enum" in field and set(field["enum"]) & set(schema.enums[kind[5:]]) != set()
