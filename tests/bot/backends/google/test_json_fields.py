"""Fields of Google's JSON are read also where they are odd: missing zeros, int64 as text, nanoseconds."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.google.json_fields import integer, metric_snapshots, number, scalars, timestamp
from tests.outside import discovery


@given(st.integers(-(2**63), 2**63 - 1))
def test_int64_is_read_as_text_and_as_a_number(value: int) -> None:
    assert integer(str(value)) == integer(value) == value


@pytest.mark.parametrize("value", [None, "", "x", "1.5", 1.5, True, [], {}, "9" * 30, "٣"])
def test_what_is_no_int64_is_unknown(value: object) -> None:
    assert integer(value) is None


@pytest.mark.parametrize(
    ("value", "read"), [(1, 1.0), ("1.5", 1.5), (-1e-6, -1e-6), ("NaN", None), ("Infinity", None)]
)
def test_floats_that_json_lacks_are_unknown(value: object, read: float | None) -> None:
    assert number(value) == read


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(0, 999))  # noqa: DTZ001  Proto wants naive UTC.
def test_times_are_read_as_protobuf_writes_them(moment: datetime, nanos: int) -> None:
    written = Timestamp()
    written.FromDatetime(moment)
    written.nanos += nanos
    assert timestamp(written.ToJsonString()) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("value", [None, 7, "", "yesterday", "2023-13-01T00:00:00Z", "2023-09-18"])
def test_what_is_no_time_is_unknown(value: object) -> None:
    assert timestamp(value) is None


def test_time_of_another_zone_is_brought_to_utc() -> None:
    assert timestamp("2023-09-18T13:06:44.532937624+02:00") == datetime(2023, 9, 18, 11, 6, 44, 532937, UTC)


def test_points_at_step_zero_and_of_value_zero_are_read() -> None:
    data = {"timeSeriesData": {"values": [{"scalar": {"value": 2.5}}, {"step": "3", "scalar": {}}]}}
    discovery.vertex().check("ReadTensorboardTimeSeriesDataResponse", data | {})
    assert {step: point[0] for step, point in scalars(data).items()} == {0: 2.5, 3: 0.0}


def test_validation_loss_joins_the_step_before_it() -> None:
    training = {1: (3.0, None), 2: (2.0, None), 4: (1.0, None)}
    validation = {0: (9.0, None), 3: (2.5, None), 9: (1.5, None)}
    shown = metric_snapshots(training, {"eval_loss": validation, "eval_predictions": {9: (200.0, None)}})
    assert [one.eval_predictions for one in shown] == [None, None, 200]
    assert [(one.step, one.mean_loss, one.eval_loss) for one in shown] == [
        (1, 3.0, None),
        (2, 2.0, 2.5),
        (4, 1.0, 1.5),
    ]
