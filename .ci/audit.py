"""Audit a lock for known vulnerabilities with pip-audit, and say in one sentence how it ended.

pip-audit ends with 0 and "No known vulnerabilities found" also if the service knows none of the packages, as behind a
mirror that serves files only. Here a package that was not audited is a failure.

Usage: python audit.py LOCK [OSV_URL], with a Python that has pip-audit. It asks PyPI, or a service with the API of OSV.
"""

import json
import subprocess
import sys
from pathlib import Path

# Packages that a sentence names at most.
_MAX_NAMES = 5
_VULNERABLE, _NOT_AUDITED = 1, 2
_OUT_OF_REACH = (
    "the vulnerability service is out of reach: nothing was audited. Run this where https://pypi.org/pypi answers, or "
    "name a service with the API of OSV: make audit OSV_URL=https://api.osv.dev/v1/query"
)


def main(lock: Path, osv_url: str = "") -> int:
    """Audit a lock.

    Args:
        lock: A requirements file with hashes.
        osv_url: The address of a service with the API of OSV; PyPI is asked if it is empty.

    Returns:
        The exit code: 0 if every package was audited and none has a known vulnerability, 1 if one has, 2 if not every
        package was audited.
    """
    service = ["--vulnerability-service", "osv", "--osv-url", osv_url] if osv_url else []
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "--desc", "off"]
    audit = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options, *service],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    sentence, exit_code = judge(audit.stdout)
    print(f"audit of {lock.name}: {sentence}")
    return exit_code


def judge(report: str) -> tuple[str, int]:
    """Judge the report of an audit.

    Args:
        report: pip-audit's JSON; anything else if it could not audit.

    Returns:
        What the audit found, as one sentence, and the exit code.
    """
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return _OUT_OF_REACH, _NOT_AUDITED
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    vulnerable = [
        f"{package['name']} {package['version']} ({', '.join(sorted(entry['id'] for entry in package['vulns']))})"
        for package in packages
        if package.get("vulns")
    ]
    if vulnerable:
        return f"{len(vulnerable)} of {len(packages)} packages are vulnerable: {'; '.join(vulnerable)}.", _VULNERABLE
    if not packages or len(skipped) == len(packages):
        return _OUT_OF_REACH, _NOT_AUDITED
    if skipped:
        shown = ", ".join(skipped[:_MAX_NAMES])
        return f"{len(skipped)} of {len(packages)} packages were not audited: {shown} …", _NOT_AUDITED
    return f"no known vulnerability in {len(packages)} packages.", 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
