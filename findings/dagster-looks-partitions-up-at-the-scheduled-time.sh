#!/usr/bin/env bash
# Dagster 1.13.27: a schedule that is evaluated late (the daemon was down, and makes the missed run up) resolves the
# partition keys of its run requests as of the time for which it was scheduled, not as of now. A request for the
# present day's partition is refused with DagsterUnknownPartitionError, although the partition exists when the tick is
# evaluated: the missed run is not made up, and the tick fails. A tick that is evaluated on its own day is fine, so that
# no ordinary test sees it.
#
# The same request is accepted if its tags hold `dagster/partition` beside the partition key: a request that has the
# tag counts as resolved and is not looked up.
#
# Who is hurt: whoever partitions by the day of delivery ("land today what has arrived") and counts on catch-up.
#
# Installs pinned public packages into a temporary folder; fails if the behaviour changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dagster==1.13.27"
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import UTC, datetime, timedelta

import dagster as dg

days = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_offset=1)


@dg.asset(partitions_def=days)
def landed() -> None: ...


job = dg.define_asset_job("nightly", selection=[landed])
now = datetime.now(UTC)
today = now.date().isoformat()
tags: dict[str, str] = {}


@dg.schedule(job=job, cron_schedule="0 2 * * *", execution_timezone="UTC")
def nightly(context):
    yield dg.RunRequest(run_key="night", partition_key=today, tags=tags)


definitions = dg.Definitions(assets=[landed], jobs=[job], schedules=[nightly])
repository = definitions.get_repository_def()


def evaluate(scheduled_at: datetime) -> str:
    context = dg.build_schedule_context(scheduled_execution_time=scheduled_at, repository_def=repository)
    try:
        return repository.get_schedule_def("nightly").evaluate_tick(context).run_requests[0].partition_key
    except Exception as error:
        return type(error).__name__


on_time, late = evaluate(now), evaluate(now - timedelta(days=2))
print("evaluated on its day:", on_time)
print("evaluated two days late, for the present day's partition:", late)
assert today in days.get_partition_keys(), "the partition exists now"
assert on_time == today
assert late == "DagsterUnknownPartitionError"

tags["dagster/partition"] = today
late_with_tag = evaluate(now - timedelta(days=2))
print("the same with the tag dagster/partition:", late_with_tag)
assert late_with_tag == today
PYTHON
echo "dagster 1.13.27 resolves the partitions of a made-up schedule tick as of its scheduled time"
