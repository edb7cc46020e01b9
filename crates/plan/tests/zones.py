"""When schedules come around every change of clocks, by Python's zoneinfo: an oracle that shares no code with Tidings.

Reads zones and schedules, one a line, and writes for each change of a zone's clocks and each schedule what comes
within 36 hours of it. Says first which version of the time zone database it has.
"""

import sys
import zoneinfo
from datetime import datetime, timedelta, timezone

import tzdata

UTC = timezone.utc
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
AROUND = timedelta(hours=36)


def offset(zone, at):
    return at.astimezone(zone).utcoffset()


def change(zone, before, after):
    """The first second after a change that lies between."""
    new = offset(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if offset(zone, middle) == new:
            after = middle
        else:
            before = middle
    return after


def changes(zone):
    day = FIRST
    while day < LAST:
        following = day + timedelta(days=1)
        if offset(zone, day) != offset(zone, following):
            yield change(zone, day, following)
        day = following


def instants(zone, civil):
    """When a civil time comes, and whether it comes at all."""
    both = sorted({civil.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
    real = [at for at in both if at.astimezone(zone).replace(tzinfo=None) == civil]
    return (real, True) if real else ([change(zone, both[0], both[1])], False)


def occurrences(zone, schedule, after, until):
    kind, *rest = schedule.split("|")
    if kind == "interval":
        step = int(rest[0])
        at = (int(after.timestamp()) // step + 1) * step
        while at <= until.timestamp():
            yield at, str(at)
            at += step
        return
    repeats, times = rest
    day = after.astimezone(zone).date() - timedelta(days=2)
    while day <= until.astimezone(zone).date() + timedelta(days=2):
        for time in times.split(","):
            hour, minute = map(int, time.split(":"))
            civil = datetime(day.year, day.month, day.day, hour, minute)
            name = str(day) if kind == "day" else civil.strftime("%Y-%m-%dT%H:%M:%S")
            found, comes = instants(zone, civil)
            if repeats == "both":
                found = found if comes else []
            else:
                found = found[:1]
            for at, name in zip(found, (name, name + " again")):
                if after < at <= until:
                    yield int(at.timestamp()), name
        day += timedelta(days=1)


def main():
    zoneinfo.reset_tzpath(to=[])
    print(tzdata.IANA_VERSION)
    lines = sys.stdin.read().splitlines()
    schedules = [line.removeprefix("schedule ") for line in lines if line.startswith("schedule ")]
    for name in (line.removeprefix("zone ") for line in lines if line.startswith("zone ")):
        zone = zoneinfo.ZoneInfo(name)
        for at in changes(zone):
            after, until = at - AROUND, at + AROUND
            for i, schedule in enumerate(schedules):
                found = sorted(occurrences(zone, schedule, after, until))
                comes = ",".join(f"{at} {name}" for at, name in found)
                print(name, int(after.timestamp()), int(until.timestamp()), i, comes, sep="|")


main()
