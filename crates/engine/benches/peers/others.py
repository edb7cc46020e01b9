"""The same rules, answered by databases a rule at a time and by rule engines a customer at a time.

    others.py FOLDER [POSTGRES]

All have the features ready: FOLDER has the table that `peers.py` made, and loading it is not counted. SQLite and PostgreSQL
answer a sample of the rules, one query each; each count has to equal ours. zen-engine and json-rules-engine answer all rules for a
sample of customers; for each the rules that match have to be ours. What the whole would take is extrapolated.
"""
import json
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb

folder = Path(sys.argv[1])
postgres = sys.argv[2] if len(sys.argv) > 2 else None
RULES = 20
ZEN_CUSTOMERS, JSON_CUSTOMERS = 2_000, 100

questions = (folder / "questions.sql").read_text().splitlines()
ours = [int(n) for n in (folder / "counts").read_text().split()]
answers = [[int(rule) for rule in line.split()] for line in (folder / "answers").read_text().split("\n")]
runs = sorted(float(line.split()[0]) for line in (folder / "seconds").read_text().splitlines())
ours_seconds = runs[len(runs) // 2]
sample = range(0, len(questions), max(1, len(questions) // RULES))

db = duckdb.connect()
db.execute(f"CREATE VIEW features AS SELECT * EXCLUDE (birthday, this_year, signed_up) FROM '{folder}/features.parquet'")
customers = db.execute("SELECT count(*) FROM features").fetchone()[0]
columns = [(name, kind) for name, kind, *_ in db.execute("DESCRIBE features").fetchall()]
names = [name for name, _ in columns]
wrong = False


def line(who, what, seconds, whole, differing):
    global wrong
    wrong |= differing > 0
    print(f"| {who} | {what} | {seconds:.1f} | {whole:,.0f} | {whole / ours_seconds:,.0f} | {differing} |", flush=True)


def flat():
    """The table with its tags as one text."""
    tags = "'|' || array_to_string(tags, '|') || '|' AS tags"
    return "SELECT " + ", ".join(tags if name == "tags" else name for name in names) + " FROM features"


def in_sql(question, contains):
    return re.sub(r"array_contains\(tags, '(\w+)'\)", lambda found: contains.format(found[1]), question)


def of_rules(who, ask, contains):
    """One query for each rule of the sample."""
    queries = [f"SELECT count(*) FROM features WHERE {in_sql(questions[i], contains)}" for i in sample]
    start = time.perf_counter()
    counts = ask(queries)
    seconds = time.perf_counter() - start
    differing = sum(count != ours[i] for i, count in zip(sample, counts, strict=True))
    line(who, f"{len(sample)} rules, all customers", seconds, seconds / len(sample) * len(questions), differing)


def with_sqlite():
    lite = sqlite3.connect(":memory:")
    lite.execute(f"CREATE TABLE features ({', '.join(names)})")
    rows = db.execute(flat())
    while some := rows.fetchmany(50_000):
        lite.executemany(f"INSERT INTO features VALUES ({', '.join('?' * len(names))})", some)
    of_rules(f"SQLite {sqlite3.sqlite_version}, one query a rule",
             lambda queries: [lite.execute(sql).fetchone()[0] for sql in queries], "instr(tags, '|{}|') > 0")


def with_postgres():
    def ask(*queries):
        commands = [part for sql in queries for part in ("-c", sql)]
        done = subprocess.run(["psql", postgres, "-qtAX", *commands], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.split()

    kinds = {"VARCHAR": "text", "VARCHAR[]": "text", "BOOLEAN": "boolean", "DOUBLE": "double precision"}
    described = ", ".join(f"{name} {kinds.get(kind, 'bigint')}" for name, kind in columns)
    db.execute(f"COPY ({flat()}) TO '{folder}/features.csv' (HEADER false)")
    ask(f"CREATE TABLE features ({described})")
    ask(f"\\copy features FROM '{folder}/features.csv' (FORMAT csv)")
    ask("VACUUM ANALYZE features")
    version = ask("SHOW server_version")[0]
    of_rules(f"PostgreSQL {version}, one query a rule", lambda queries: [int(n) for n in ask(*queries)], "strpos(tags, '|{}|') > 0")


def condition(test):
    """A comparison as its name, operator and value."""
    if found := re.fullmatch(r"array_contains\((\w+), '(\w+)'\)", test):
        return found[1], "contains", found[2]
    if found := re.fullmatch(r"(\w+) (<=|>=|<|>|=) (.+)", test):
        value = found[3]
        return found[1], found[2], value[1:-1] if value.startswith("'") else float(value)
    return test, "=", True


def facts(count):
    rows = db.execute(f"SELECT * FROM features WHERE id < {count} ORDER BY id").fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def of_customers(who, seconds, found):
    differing = sum(a != b for a, b in zip(found, answers, strict=False))
    line(who, f"all rules, {len(found)} customers", seconds, seconds / len(found) * customers, differing)


def with_zen():
    import zen

    def expression(question):
        joint = " or " if " or " in question else " and "
        return joint.join(f"({part(*condition(test))})" for test in question.split(joint))

    def part(name, op, value):
        if op == "contains":
            return f"{name} != null and contains({name}, {json.dumps(value)})"
        return f"{name} != null and {name} {'==' if op == '=' else op} {json.dumps(value)}"

    expressions = [{"id": f"r{i}", "key": f"r{i}", "value": expression(q)} for i, q in enumerate(questions)]
    kinds = {"in": ("inputNode", {}), "rules": ("expressionNode", {"expressions": expressions}), "out": ("outputNode", {})}
    decision = zen.ZenEngine().create_decision(json.dumps({
        "nodes": [{"id": name, "name": name, "type": kind, "content": content} for name, (kind, content) in kinds.items()],
        "edges": [{"id": a, "sourceId": a, "targetId": b} for a, b in [("in", "rules"), ("rules", "out")]],
    }))
    given = facts(min(customers, len(answers), ZEN_CUSTOMERS))
    start = time.perf_counter()
    results = [decision.evaluate(one)["result"] for one in given]
    seconds = time.perf_counter() - start
    found = [[i for i in range(len(questions)) if result[f"r{i}"] is True] for result in results]
    of_customers("GoRules zen-engine", seconds, found)


def with_json_rules():
    operators = {"<": "lessThan", "<=": "lessThanInclusive", ">": "greaterThan", ">=": "greaterThanInclusive",
                 "=": "equal", "contains": "contains"}
    rules = []
    for i, question in enumerate(questions):
        joint = " or " if " or " in question else " and "
        tests = [condition(test) for test in question.split(joint)]
        conditions = [{"fact": name, "operator": operators[op], "value": value} for name, op, value in tests]
        rules.append({"conditions": {"any" if joint == " or " else "all": conditions}, "event": {"type": str(i)}})
    given = facts(min(customers, len(answers), JSON_CUSTOMERS))
    (folder / "rules.json").write_text(json.dumps({"rules": rules, "customers": given}))
    script = Path(__file__).with_name("json_rules.js").read_text()
    done = subprocess.run(["node", "-e", script, str(folder / "rules.json")], cwd=folder, check=True,
                          stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout)
    of_customers("json-rules-engine", result["seconds"], result["found"])


print("| who | sample | seconds | for all (extrapolated) | times ours | answers that differ |")
print("|---|---|---|---|---|---|")
with_sqlite()
if postgres:
    with_postgres()
with_zen()
with_json_rules()
sys.exit(wrong)
