"""Times in the database: whole microseconds, in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.codecs import micros, moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_time_loses_nothing_as_an_integer(time: datetime) -> None:
    assert moment(micros(time)) == time


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        micros(datetime(2026, 1, 1))  # noqa: DTZ001  # a naive time is what is refused here
