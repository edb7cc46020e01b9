"""Writes customers.csv: made-up addresses, consents, cities and birthdays for the customers of CDNOW_master.txt.

The purchase data has none of these. Everything here is drawn from a fixed seed and belongs to nobody;
example.com is reserved for documentation and the phone numbers are from the block kept for fiction.
"""

import csv
import datetime
import pathlib
import random

here = pathlib.Path(__file__).parent
lines = (here / "CDNOW_master.txt").read_text().splitlines()[1:]
keys = sorted({line.split()[0] for line in lines if line.strip()})
draw = random.Random(1997)
cities = ["Austin", "Boston", "Chicago", "Denver", "Miami", "New York", "Portland", "Seattle"]

with open(here / "customers.csv", "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["id", "email", "email_consent", "phone", "sms_consent", "city", "birthday"])
    for key in keys:
        consent = lambda yes, no: draw.choices(["yes", "no", ""], [yes, no, 1 - yes - no])[0]
        born = datetime.date(1940, 1, 1) + datetime.timedelta(days=draw.randrange(14_000))
        out.writerow([
            key,
            f"customer-{key}@example.com" if draw.random() < 0.97 else "",
            consent(0.86, 0.09),
            f"+1 {draw.randrange(200, 999)} 555 01{draw.randrange(100):02}" if draw.random() < 0.4 else "",
            consent(0.50, 0.30),
            draw.choice(cities) if draw.random() < 0.95 else "",
            born.isoformat() if draw.random() < 0.6 else "",
        ])
