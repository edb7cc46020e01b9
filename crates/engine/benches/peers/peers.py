"""The same rules over the same customers and orders, answered by us, by DuckDB and by Polars.

    peers.py FOLDER THREADS RUNS COMMAND...

COMMAND is the `peers` benchmark: it writes the shop to FOLDER, and answers the rules so many times for each line that it
is given. We are asked before, between and after the others. Both read the shop into memory first, which is not
counted. DuckDB makes the feature table and then answers one query a rule. Polars makes the same table and then answers all
rules in one select. Every count has to equal ours. DuckDB's table and our times are left in FOLDER for `others.py`.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

folder, threads, runs_at_once = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
os.environ["POLARS_MAX_THREADS"] = str(threads)
us = subprocess.Popen(sys.argv[4:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
if us.stdout.readline() != "ready\n":
    sys.exit("our own benchmark failed")

import duckdb  # noqa: E402
import polars as pl  # noqa: E402

MICROS_A_DAY = 86_400_000_000
NOW = 1_782_784_800_000_000
ZONE = 8 * 3_600_000_000  # Shanghai has no summer time.
TODAY = (NOW + ZONE) // MICROS_A_DAY
WINDOWS = [30, 90, 180, 365]
PAID, RETURNED = 0, 2

questions = (folder / "questions.sql").read_text().splitlines()
ours = [int(n) for n in (folder / "counts").read_text().split()]
runs = []


def ask_us():
    print(file=us.stdin, flush=True)
    lines = [us.stdout.readline() for _ in range(runs_at_once)]
    if not all(lines):
        sys.exit("our own benchmark failed")
    runs.extend([float(s) for s in line.split()] for line in lines)


class Clock:
    """Seconds by the clock, and of processors, which say more while others are busy too."""

    def __init__(self):
        self.clock, self.processors = time.perf_counter(), time.process_time()

    def seconds(self):
        return time.perf_counter() - self.clock, time.process_time() - self.processors


def since(days):
    """The first instant of the day that lies so many days before today."""
    return (TODAY - days) * MICROS_A_DAY - ZONE


def with_duckdb():
    db = duckdb.connect()
    db.execute(f"SET threads={threads}")
    db.execute("SET preserve_insertion_order=false")
    db.execute(f"""CREATE TABLE customers AS SELECT * EXCLUDE (tags, birthday),
        string_split(substr(tags, 2), '|') AS tags, DATE '1970-01-01' + birthday::INT AS birthday
        FROM read_csv('{folder}/customers.csv', all_varchar=false, sample_size=-1)""")
    db.execute(f"CREATE TABLE orders AS SELECT * FROM read_csv('{folder}/orders.csv', sample_size=-1)")
    windows = []
    for days in WINDOWS:
        inside = f"placed_at >= {since(days)}"
        windows += [
            f"count(*) FILTER ({inside}) AS count_{days}",
            f"coalesce(sum(total) FILTER ({inside}), 0) AS sum_{days}",
            f"round_even(sum(total) FILTER ({inside}) / count(total) FILTER ({inside}), 0) AS average_{days}",
            f"count(*) FILTER (status = {PAID} AND {inside}) AS paid_{days}",
        ]
    features = f"""CREATE TABLE features AS SELECT customers.*,
        {", ".join(f"coalesce({n}_{d}, 0) AS {n}_{d}" for n in ["count", "sum", "paid"] for d in WINDOWS)},
        {", ".join(f"average_{d}" for d in WINDOWS)},
        coalesce(categories_365, 0) AS categories_365, most_365, coalesce(units_90, 0) AS units_90,
        coalesce(returned_180, 0) AS returned_180, days_since,
        CASE WHEN days_since <= 90 THEN 'active' WHEN days_since <= 365 THEN 'dormant' ELSE 'lost' END AS lifecycle,
        {TODAY} - signed_up AS tenure,
        CASE WHEN this_year >= DATE '2026-06-30' THEN this_year - DATE '2026-06-30'
             ELSE make_date(2027, month(this_year), day(this_year)) - DATE '2026-06-30' END AS birthday_in
        FROM (SELECT *, make_date(2026, month(birthday),
                CASE WHEN month(birthday) = 2 AND day(birthday) = 29 THEN 28 ELSE day(birthday) END) AS this_year
              FROM customers) AS customers
        LEFT JOIN (SELECT id, {", ".join(windows)},
            count(DISTINCT category) FILTER (placed_at >= {since(365)}) AS categories_365,
            max(total) FILTER (placed_at >= {since(365)}) AS most_365,
            sum(quantity) FILTER (placed_at >= {since(90)}) AS units_90,
            sum(total) FILTER (status = {RETURNED} AND placed_at >= {since(180)}) AS returned_180,
            {TODAY} - (max(placed_at) + {ZONE}) // {MICROS_A_DAY} AS days_since
            FROM orders WHERE placed_at < {NOW} GROUP BY id) AS folded USING (id)"""
    start = Clock()
    db.execute(features)
    table = start.seconds()
    start = Clock()
    counts = [db.execute(f"SELECT count(*) FROM features WHERE {q}").fetchone()[0] for q in questions]
    seconds = start.seconds()
    columns = ", ".join(f"CAST({c} AS BIGINT) AS {c}" if kind == "HUGEINT" else c
                        for c, kind, *_ in db.execute("DESCRIBE features").fetchall())
    db.execute(f"COPY (SELECT {columns} FROM features ORDER BY id) TO '{folder}/features.parquet'")
    return table, seconds, counts


def with_polars():
    customers = pl.read_csv(folder / "customers.csv").with_columns(
        pl.col("tags").str.strip_prefix("|").str.split("|"),
        pl.col("birthday").cast(pl.Int32).cast(pl.Date),
    )
    orders = pl.read_csv(folder / "orders.csv")
    total, placed = pl.col("total"), pl.col("placed_at")
    windows = []
    for days in WINDOWS:
        inside = placed >= since(days)
        own = total.filter(inside)
        windows += [
            inside.sum().alias(f"count_{days}"),
            own.sum().alias(f"sum_{days}"),
            (own.sum() / own.count()).alias(f"average_{days}"),
            ((pl.col("status") == PAID) & inside).sum().alias(f"paid_{days}"),
        ]
    year, half_year = placed >= since(365), placed >= since(180)
    counted = [f"{n}_{d}" for n in ["count", "sum", "paid"] for d in WINDOWS]
    counted += ["categories_365", "units_90", "returned_180"]
    day = pl.when((pl.col("birthday").dt.month() == 2) & (pl.col("birthday").dt.day() == 29)).then(28)
    day = day.otherwise(pl.col("birthday").dt.day())
    coming = [pl.date(y, pl.col("birthday").dt.month(), day) for y in (2026, 2027)]
    today = pl.date(2026, 6, 30)
    start = Clock()
    folded = orders.lazy().filter(placed < NOW).group_by("id").agg(
        *windows,
        pl.col("category").filter(year).n_unique().alias("categories_365"),
        total.filter(year).max().alias("most_365"),
        pl.col("quantity").filter(placed >= since(90)).sum().alias("units_90"),
        total.filter((pl.col("status") == RETURNED) & half_year).sum().alias("returned_180"),
        (TODAY - (placed.max() + ZONE) // MICROS_A_DAY).alias("days_since"),
    )
    features = (
        customers.lazy()
        .join(folded, on="id", how="left")
        .with_columns(
            *(pl.col(name).fill_null(0) for name in counted),
            # The nearest cent, half to even.
            *(pl.col(f"average_{d}").fill_nan(None).round(0, mode="half_to_even") for d in WINDOWS),
            pl.when(pl.col("days_since") <= 90).then(pl.lit("active"))
            .when(pl.col("days_since") <= 365).then(pl.lit("dormant")).otherwise(pl.lit("lost")).alias("lifecycle"),
            (TODAY - pl.col("signed_up")).alias("tenure"),
            pl.when(coming[0] >= today).then(coming[0] - today).otherwise(coming[1] - today)
            .dt.total_days().alias("birthday_in"),
        )
        .collect()
    )
    table = start.seconds()
    start = Clock()
    answers = [pl.sql_expr(q).sum().alias(f"r{i}") for i, q in enumerate(questions)]
    counts = list(features.select(answers).row(0))
    return table, start.seconds(), counts


found = {}
ask_us()
for name, run in {"duckdb": with_duckdb, "polars": with_polars}.items():
    found[name] = run()
    ask_us()
us.stdin.close()
if us.wait() != 0:
    sys.exit("our own benchmark failed")
(folder / "seconds").write_text("\n".join(f"{clock} {processors}" for clock, processors in runs))

print(f"{len(questions)} rules, {threads} threads, {sum(ours):,} matches, DuckDB {duckdb.__version__}, Polars {pl.__version__}\n")
print("| who | seconds by the clock | of processors | times ours, by the clock | of processors | counts that differ |")
print("|---|---|---|---|---|---|")
clock, processors = (sorted(run[i] for run in runs)[len(runs) // 2] for i in (0, 1))
fastest, slowest = min(run[0] for run in runs), max(run[0] for run in runs)
print(f"| Tidings: all rules from the raw rows, median of {len(runs)} ({fastest:.3f} – {slowest:.3f}) "
      f"| {clock:.3f} | {processors:.2f} | 1 | 1 | |")
wrong = False
for name, (table, rules, counts) in found.items():
    differing = [i for i, (a, b) in enumerate(zip(ours, counts, strict=True)) if a != b]
    wrong |= bool(differing)
    all_of_it = [a + b for a, b in zip(table, rules, strict=True)]
    for what, seconds in {"feature table": table, "rules": rules, "both": all_of_it}.items():
        differ = f"{len(differing)} of {len(ours)}" if what == "both" else ""
        print(f"| {name}: {what} | {seconds[0]:.2f} | {seconds[1]:.2f} | {seconds[0] / clock:.0f} "
              f"| {seconds[1] / processors:.0f} | {differ} |", flush=True)
    for i in differing[:10]:
        print(f"  rule {i}: ours {ours[i]}, theirs {counts[i]}: {questions[i]}", file=sys.stderr)
sys.exit(wrong)
