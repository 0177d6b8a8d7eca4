"""Rows -> `Record`s, each workload, target and device decoded once; a row that this version cannot read becomes the reason."""

from sqlalchemy.orm import Session

from compiler.workload import Workload
from measure import Device
from records_db.foreign_record import ForeignRecord
from records_db.import_rows import read_origin
from records_db.models import DeviceRow, OriginRow, RecordRow, TargetRow, WorkloadRow
from records_db.record import Record
from records_db.rows import decode_device, decode_record, decode_schedule, decode_workload


class RecordReader:
    """Serves one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._workloads: dict[int, Workload | str] = {}
        self._targets: dict[int, str] = {}
        self._devices: dict[int, Device] = {}

    def read(self, row: RecordRow) -> Record | str:
        workload = self._workload(row.workload_id)
        schedule = decode_schedule(row.schedule)
        if isinstance(workload, str):
            return f"record {row.id}: {workload}"
        if isinstance(schedule, str):
            return f"record {row.id}: {schedule}"
        return decode_record(row, workload, self._target(row.target_id), self._device(row.device_id), schedule)

    def read_any(self, row: RecordRow) -> Record | ForeignRecord | str:
        """A record of another tool too."""
        return self.read(row) if row.origin_id is None else read_origin(row, self._session.get_one(OriginRow, row.origin_id))

    def _workload(self, number: int) -> Workload | str:
        if number not in self._workloads:
            self._workloads[number] = decode_workload(self._session.get_one(WorkloadRow, number).canonical)
        return self._workloads[number]

    def _target(self, number: int) -> str:
        if number not in self._targets:
            self._targets[number] = self._session.get_one(TargetRow, number).text
        return self._targets[number]

    def _device(self, number: int) -> Device:
        if number not in self._devices:
            self._devices[number] = decode_device(self._session.get_one(DeviceRow, number))
        return self._devices[number]
