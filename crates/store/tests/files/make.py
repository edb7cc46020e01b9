"""Makes the files beside it, as other programs write them: pip install pyarrow openpyxl && python make.py"""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(__file__).parent
utc = dt.timezone.utc

customers = pa.table({
    "id": pa.array([10, 9, 100], pa.int64()),
    "city": pa.array(["北京", None, "🎁"]).dictionary_encode(),
    "name": pa.array(["a", "", "c"], pa.large_string()),
    "points": pa.array([0.1, None, float("nan")], pa.float64()),
    "small": pa.array([0.1, None, 2.5], pa.float32()),
    "spent": pa.array([Decimal("19.9"), Decimal("-1234567890.05"), None], pa.decimal128(38, 10)),
    "vip": pa.array([True, False, None]),
    "born": pa.array([dt.date(1990, 2, 28), None, dt.date(1960, 1, 1)]),
    "seen": pa.array([dt.datetime(2026, 1, 1, 0, 0, 0, 5, utc), None, None], pa.timestamp("us", "Asia/Shanghai")),
    "left": pa.array([dt.datetime(2026, 1, 1, 8), None, None], pa.timestamp("ns")),
    "tags": pa.array([["a", "乙"], [], None], pa.list_(pa.string())),
    "level": pa.array([200, None, 3], pa.uint8()),
})
pq.write_table(customers, folder / "customers.parquet", compression="zstd", row_group_size=2)
pq.write_table(pa.table({"id": [1], "place": [{"x": 1}]}), folder / "places.parquet")
pq.write_table(pa.table({"id": [1], "waited": [dt.timedelta(seconds=90)]}), folder / "waits.parquet")

book = openpyxl.Workbook()
sheet = book.active
sheet.append(["id", "name", "points", "vip", "born", "seen", "spent"])
sheet.append(["007", "北京 🎁", 1.5, True, dt.date(1990, 2, 28), dt.datetime(2026, 1, 1, 8, 30, 15), 19.9])
sheet.append([])
sheet.append([42, None, 3, False, None, None, "x"])
sheet.append([43, None, "#DIV/0!", None, dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), 20])
# One cell far away is no reason for a table of billions.
sheet["XFD1048576"] = "here"
sheet["C5"].data_type = "e"
book.create_sheet("other").append(["ignored"])
book.save(folder / "customers.xlsx")
