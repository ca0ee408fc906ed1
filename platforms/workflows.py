#!/usr/bin/env python3
"""Executes the `run:` steps of .github/workflows in order, each job in a clean root of Ubuntu 24.04, without GitHub.

What is not understood is an error, and what cannot run here is named with the reason. Needs root rights.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path.cwd()
WORK = ROOT / "build/platforms/workflows"
try:
    import yaml  # type: ignore[import-untyped]
except ImportError:  # from PyPI, for this run alone
    subprocess.run(["scripts/install_system_packages.sh", "demo"], check=True, stdout=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", WORK / "venv"], check=True)
    subprocess.run([WORK / "venv/bin/pip", "install", "-q", "-c", "constraints.txt", "PyYAML"], check=True)
    os.execv(WORK / "venv/bin/python", [str(WORK / "venv/bin/python"), *sys.argv])

SUITE = "noble"
RUNNER = "ubuntu-24.04"
HOME = "home/runner"
CHECKOUT = f"{HOME}/demucs-ort"
PYTHON = "opt/python"
# Of what GitHub's image holds, what the steps use; and the headers that CMake fetches from GitHub where there are none.
PACKAGES = "ca-certificates,git,make,sudo,g++,clang,cmake,pkg-config,pipx,python3-dev,python3-venv,nlohmann-json3-dev"
# Jobs that start this program or are another check, or whose files only a release has.
LEFT_OUT = {
    ("ci.yml", "linux"): "platforms/debian.sh runs make test; Ubuntu has its browser for snap only",
    ("ci.yml", "platforms"): "it is what runs this",
    ("wheels.yml", "models"): "calls models.yml, which is run by itself",
    ("wheels.yml", "publish"): "uploads to the package index",
    ("wheels.yml", "release"): "publishes the page of the release",
    ("wheels.yml", "check"): "fetches models of a release that exists",
}
# Steps of jobs that run otherwise.
NO_STEP = {
    "pipx run cibuildwheel": "needs Docker and its images; platforms/pythons.sh builds and tests these wheels",
    "gh release create": "needs the release page",
}
# Needs the official weights, which are not for a check to download: without a network it has to say what failed.
OFFLINE = "python scripts/export_release_models.py"


class Unknown(Exception):
    """The workflows use something that this program does not know."""


@dataclass
class Event:
    name: str
    ref_type: str
    ref_name: str
    schedule: str = ""


def version() -> str:
    found = re.search(r"project\(demucs_ort VERSION ([\d.]+) ", (ROOT / "CMakeLists.txt").read_text())
    assert found is not None
    return found[1]


SCHEDULE = Event("schedule", "branch", "main", "17 3 * * *")
BY_HAND = Event("workflow_dispatch", "branch", "main")
TAG = Event("push", "tag", f"v{version()}")
# A schedule starts all that a push starts, and the fuzzing.
RUNS = [("ci.yml", SCHEDULE), ("models.yml", BY_HAND), ("wheels.yml", BY_HAND), ("wheels.yml", TAG)]


class Expression:
    """Evaluates what stands in ${{ }}: names, texts, ==, !=, !, &&, ||, brackets, functions of a job's state."""

    TOKEN = re.compile(r"\s*('(?:[^']|'')*'|==|!=|&&|\|\||[!()]|[\w.-]+)")

    def __init__(self, text: str, values: dict[str, Any]) -> None:
        self.text, self.values = text, values
        self.tokens: list[str] = []
        at = 0
        while text[at:].strip():
            found = self.TOKEN.match(text, at)
            if found is None:
                raise Unknown(f"expression: {text}")
            self.tokens.append(found[1])
            at = found.end()

    def value(self) -> Any:
        result = self._either()
        if self.tokens:
            raise Unknown(f"expression: {self.text}")
        return result

    def _take(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def _either(self) -> Any:
        left = self._both()
        while self._take("||"):
            right = self._both()
            left = left or right
        return left

    def _both(self) -> Any:
        left = self._compared()
        while self._take("&&"):
            right = self._compared()
            left = left and right
        return left

    def _compared(self) -> Any:
        left = self._single()
        while sign := self._take("==", "!="):
            left = (left == self._single()) == (sign == "==")
        return left

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            inner = self._either()
            if not self._take(")"):
                raise Unknown(f"expression: {self.text}")
            return inner
        if not self.tokens:
            raise Unknown(f"expression: {self.text}")
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._take("("):
            token += "()"
            if not self._take(")"):
                raise Unknown(f"arguments of {token} in: {self.text}")
        if token.startswith("vars."):  # a new repository has none
            return self.values.get(token, "")
        if token not in self.values:
            raise Unknown(f"{token} in: {self.text}")
        return self.values[token]


@dataclass
class Job:
    workflow: str
    name: str
    event: Event
    content: dict[str, Any]
    inherited: dict[str, str]  # env of the workflow
    needs: dict[str, str]  # results of other jobs
    matrix: dict[str, str] = field(default_factory=dict)
    failed: bool = False

    @property
    def title(self) -> str:
        return f"{self.workflow} {self.name}{''.join(f' {value}' for value in self.matrix.values())}"

    def values(self) -> dict[str, Any]:
        github = {
            "event_name": self.event.name,
            "event.schedule": self.event.schedule,
            "ref": f"refs/{'tags' if self.event.ref_type == 'tag' else 'heads'}/{self.event.ref_name}",
            "ref_name": self.event.ref_name,
            "ref_type": self.event.ref_type,
            "repository": "demucs-ort/demucs-ort",
            "server_url": "https://github.com",
            "token": "",
        }
        return {
            **{f"github.{name}": value for name, value in github.items()},
            **{f"matrix.{name}": value for name, value in self.matrix.items()},
            **{f"needs.{name}.result": value for name, value in self.needs.items()},
            "always()": True,
            "cancelled()": False,
            "failure()": self.failed,
            "success()": not self.failed,
        }

    def expand(self, text: Any) -> str:
        values = self.values()
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(Expression(found[1], values).value()), str(text))

    def wanted(self, condition: Any, good_so_far: bool) -> bool:
        """GitHub puts success() before a condition that names no function of state."""
        if condition is None:
            return good_so_far
        text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", str(condition).strip())
        stated = re.search(r"\b(always|cancelled|failure|success)\(\)", text)
        return bool(Expression(text, self.values()).value()) and (good_so_far or stated is not None)


@dataclass
class Report:
    ran: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def shell(commands: str, *arguments: str | Path, log: Path | None = None) -> int:
    """Runs commands that may use platforms/common.sh; all that they write goes to `log`."""
    command = ["unshare", "--mount", "sh", "-euc", f". platforms/common.sh; {commands}", "workflows.py", *arguments]
    if log is None:
        return subprocess.run(command, stdout=sys.stderr).returncode
    with log.open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode


class Machine:
    """A clean root for one job: what it changes lies in a layer over the root that all jobs start from."""

    def __init__(self, base: Path, log: Path) -> None:
        self.base, self.log, self.layer = base, log, WORK / "job"
        shutil.rmtree(self.layer, ignore_errors=True)
        for part in ("changes", "work", "root"):
            (self.layer / part).mkdir(parents=True)
        self.files = self.layer / "changes"

    def run(self, commands: str, network: bool = True) -> int:
        mount = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/changes,workdir=$2/work" "$2/root"'
        alone = "" if network else "unshare --net "
        entered = f'{mount}; in_root "$2/root" "$3"'
        return shell(entered, self.base, self.layer, f"{alone}runuser -u runner -- {commands}", log=self.log)

    def close(self) -> None:
        shutil.rmtree(self.layer, ignore_errors=True)


def uses(job: Job, step: dict[str, Any], machine: Machine) -> None:
    action = step["uses"].split("@")[0]
    settings = {name: job.expand(value) for name, value in step.get("with", {}).items()}
    artifacts = WORK / "artifacts" / job.workflow

    def known(*names: str) -> None:
        if set(settings) - set(names):
            raise Unknown(f"{action} with {sorted(set(settings) - set(names))}")

    if action == "actions/checkout":
        known("persist-credentials")
        shutil.rmtree(machine.files / CHECKOUT, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", ROOT, machine.files / CHECKOUT], check=True)
        subprocess.run(["chown", "-R", "1000:1000", machine.files / CHECKOUT], check=True)
    elif action == "actions/setup-python":
        known("python-version")
        found = (machine.base / "usr/bin/python3").readlink().name
        if found != f"python{settings['python-version']}":
            raise Unknown(f"Python {settings['python-version']}: the root has {found}")
    elif action == "actions/upload-artifact":
        known("name", "path", "compression-level", "retention-days")
        source, target = machine.files / CHECKOUT / settings["path"], artifacts / settings["name"]
        shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            target.mkdir(parents=True)
            shutil.copy(source, target)
    elif action == "actions/download-artifact":
        known("name", "path")
        shutil.copytree(artifacts / settings["name"], machine.files / CHECKOUT / settings["path"], dirs_exist_ok=True)
    else:
        raise Unknown(f"action {step['uses']}")


def run_step(job: Job, step: dict[str, Any], number: int, machine: Machine, seconds: int) -> int:
    extra = set(step) - {"name", "if", "run", "env"}
    if extra:
        raise Unknown(f"{sorted(extra)} in a step of {job.title}")
    environment = {"CI": "true", "GITHUB_ACTIONS": "true", "HOME": f"/{HOME}"}
    environment |= {
        name.upper().replace(".", "_"): str(value) for name, value in job.values().items() if "github." in name
    }
    environment |= {f"GITHUB_{name}": f"/{HOME}/files/{name}" for name in ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY")}
    for level in (job.inherited, job.content.get("env", {}), step.get("env", {})):
        environment |= {name: job.expand(value) for name, value in level.items()}
    files = machine.files / HOME / "files"
    files.mkdir(parents=True, exist_ok=True)
    for name in ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY"):
        (files / name).touch()
    script = job.expand(step["run"]).replace("SECONDS=600", f"SECONDS={seconds}")
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines += [f"export PATH=/{PYTHON}/bin:$PATH", f"cd /{CHECKOUT}" if (machine.files / CHECKOUT).exists() else "cd"]
    (files / f"{number}.sh").write_text("\n".join([*lines, script, ""]))
    subprocess.run(["chown", "-R", "1000:1000", machine.files / HOME], check=True)
    status = machine.run(f"bash -e /{HOME}/files/{number}.sh", OFFLINE not in script)
    for name in ("ENV", "OUTPUT", "PATH"):
        if (files / name).read_text():
            raise Unknown(f"GITHUB_{name}, which a step of {job.title} writes")
    return status


def run_job(job: Job, base: Path, seconds: int, report: Report) -> str:
    known = {"name", "runs-on", "timeout-minutes", "strategy", "steps", "env", "permissions", "needs", "if"}
    if set(job.content) - known:
        raise Unknown(f"{sorted(set(job.content) - known)} in {job.title}")
    start = time.monotonic()
    log = WORK / f"{job.title.replace(' ', '_')}_{job.event.ref_type}.log"
    log.unlink(missing_ok=True)
    machine = Machine(base, log)
    done = 0
    try:
        for number, step in enumerate(job.content["steps"]):
            if not job.wanted(step.get("if"), not job.failed):
                continue
            if "uses" in step:
                uses(job, step, machine)
                continue
            reason = next((why for first, why in NO_STEP.items() if step["run"].startswith(first)), None)
            if reason is not None:
                report.left_out.append(f"{job.title}: {step['run'].split(' --')[0]} ({reason})")
                continue
            print(f"workflows.py: {job.title}: {step['run'].strip().splitlines()[-1]}", file=sys.stderr, flush=True)
            done += 1
            status = run_step(job, step, number, machine, seconds)
            job.failed |= status != 0
            if OFFLINE in step["run"]:
                table = re.findall(r"^\| \w+ \| \S+ \| FAILED: .*$", log.read_text(errors="replace"), re.MULTILINE)
                if status == 0 or not table:
                    report.faults.append(f"{job.title}: {OFFLINE} did not say what it could not do without a network")
                report.left_out.append(
                    f"{job.title}: the official models; without a network: {(table or ['nothing'])[0]}"
                )
            elif status != 0:
                tail = log.read_text(errors="replace").splitlines()[-25:]
                print("\n".join(tail), file=sys.stderr)
                report.faults.append(f"{job.title}: {step['run'].strip().splitlines()[-1]} failed, see {log}")
    finally:
        machine.close()
    minutes = (time.monotonic() - start) / 60
    report.ran.append(f"{job.title} on {job.event.name} of a {job.event.ref_type} ({done} steps, {minutes:.0f} min)")
    return "failure" if job.failed else "success"


def jobs_of(workflow: str, event: Event, only: list[str], report: Report, run: Callable[[Job], str]) -> None:
    content = yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text())
    triggers = content[True]  # YAML reads `on` so
    if event.name not in triggers or (event.ref_type == "tag" and "tags" not in triggers["push"]):
        raise Unknown(f"{workflow} does not start on {event.name} of a {event.ref_type}")
    results: dict[str, str] = {}
    for name, description in content["jobs"].items():
        needed = description.get("needs", [])
        needed = [needed] if isinstance(needed, str) else needed
        job = Job(workflow, name, event, description, content.get("env", {}), {need: results[need] for need in needed})
        good_so_far = all(results[need] == "success" for need in needed)
        missing = [need for need in needed if results[need] == "left out"]
        results[name] = "skipped"
        if not missing and not job.wanted(description.get("if"), good_so_far):
            continue
        why = LEFT_OUT.get((workflow, name)) or (f"needs {missing[0]}" if missing else None)
        for matrix in matrices(description):
            job = Job(workflow, name, event, description, job.inherited, job.needs, matrix)
            runner = job.expand(description.get("runs-on", RUNNER))
            reason = why or (None if runner == RUNNER else f"needs {runner}")
            if only and name not in only:
                results[name] = "left out"
            elif reason is not None:
                report.left_out.append(f"{job.title} on {event.name} of a {event.ref_type} ({reason})")
                results[name] = "left out" if results[name] == "skipped" else results[name]
            else:
                result = run(job)
                results[name] = "failure" if "failure" in (result, results[name]) else result


def matrices(description: dict[str, Any]) -> list[dict[str, str]]:
    matrix = description.get("strategy", {}).get("matrix", {})
    if len(matrix) > 1:
        raise Unknown(f"a matrix of {sorted(matrix)}")
    return [{name: value} for name, values in matrix.items() for value in values] or [{}]


def make_base(base: Path) -> None:
    """What all jobs start from: the packages, Python as `setup-python` gives it, and a user with sudo as GitHub's."""
    (WORK / "base.log").unlink(missing_ok=True)
    if shell('make_root "$1" "$2" "$3"', base, SUITE, PACKAGES) != 0:
        sys.exit(1)
    prepare = (
        f"python3 -m venv /{PYTHON}; userdel -r ubuntu 2>/dev/null || true; "
        "useradd -m -u 1000 -s /bin/bash runner; echo 'runner ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/runner; "
        f"chown -R runner /{PYTHON}"
    )
    if shell('in_root "$1" "$2"', base, prepare, log=WORK / "base.log") != 0:
        sys.exit(f"workflows.py: the root cannot be prepared, see {WORK / 'base.log'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="JOB", action="append", default=[], help="this job; several times: several")
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzz target (default: %(default)s)")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    base = WORK / "base"
    make_base(base)
    report = Report()
    try:
        for workflow, event in RUNS:
            jobs_of(workflow, event, arguments.only, report, lambda job: run_job(job, base, arguments.seconds, report))
    except Unknown as unknown:
        sys.exit(f"workflows.py: not understood: {unknown}")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    for line in report.left_out:
        print(f"left out: {line}")
    for line in report.faults:
        print(f"fault: {line}")
    print(f"built: what the jobs build, in a clean root of {SUITE} for each")
    print(f"ran: {', '.join(report.ran)}; {(time.monotonic() - start) / 60:.0f} min")
    return 1 if report.faults or not report.ran else 0


if __name__ == "__main__":
    sys.exit(main())
