# SPDX-License-Identifier: Apache-2.0
"""The library describes its records, and says which version it is."""

from __future__ import annotations

import pytest
from driver import Driver
from records import RECORDS, STATUS_NAMES, Record


@pytest.mark.needs("describe")
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_fields(driver: Driver, record: Record) -> None:
    """The fields of a record in struct order, keys included."""
    described = driver.request("describe")["records"][record.name]
    assert described["number"] == record.number
    found = [
        (f["name"], f["type"], frozenset(f["flags"]), tuple(f.get("choices", ())))
        for f in described["fields"]
    ]
    assert found == [(field.name, field.type, field.flags, field.choices) for field in record.fields]


@pytest.mark.needs("describe")
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_bits_and_offsets(driver: Driver, record: Record) -> None:
    """One bit each; key members have no bit; members do not overlap."""
    described = driver.request("describe")["records"][record.name]
    bits = [field["bit"] for field in described["fields"] if "key" not in field["flags"]]
    assert all(field["bit"] == 0 for field in described["fields"] if "key" in field["flags"])
    assert sorted(bits) == [1 << n for n in range(len(bits))]
    offsets = [field["offset"] for field in described["fields"]]
    assert offsets == sorted(set(offsets)) and offsets[-1] < described["size"] - 32


@pytest.mark.needs("describe")
@pytest.mark.parametrize("record", [0, -1, 11, 1 << 30])
def test_no_such_record(driver: Driver, record: int) -> None:
    """NULL if there is no such record; then there are 0 fields of 0 bytes."""
    reply = driver.request("record_name", record=record)
    assert (reply["name"], reply["count"]) == (None, 0)


@pytest.mark.needs("describe")
def test_record_names(driver: Driver) -> None:
    """Name of a record, as in SQL, JSON and bindings."""
    names = {record.number: record.name for record in RECORDS.values()}
    assert {n: driver.request("record_name", record=n)["name"] for n in range(1, 11)} == names


@pytest.mark.needs("describe")
def test_status_names(driver: Driver) -> None:
    """Fixed English name of a code; unknown codes are treated as BACKEND."""
    names = {code: driver.request("status_name", code=code)["name"] for code in range(-16, 3)}
    assert {code: names[code] for code in STATUS_NAMES} == STATUS_NAMES
    assert names[-16] == names[2] == "backend"


@pytest.mark.needs("describe")
def test_version(driver: Driver) -> None:
    """Version of the library that is loaded, as TGS_VERSION."""
    assert driver.request("hello")["version"] == 1000
