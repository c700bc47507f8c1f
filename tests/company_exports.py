"""The exports of a made-up company: forty people, twelve systems, two tables of its own, and a text file.

Each writer has the columns that its system writes, as in the golden files, and holds the same people and skills.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

END = date(2026, 6, 30)
PEOPLE = 40
SKILLS = ("SQL", "dbt", "Python", "Git", "Airflow", "Data modelling", "Testing", "Docker", "Statistics", "Dashboards")
_FIRST = ("Ana", "Ben", "Cleo", "Dag", "Edda", "Finn", "Gro", "Hal")
_LAST = ("Abel", "Boye", "Cruz", "Dunn", "Elm")
_UNITS = ("Data Platform", "Analytics")


@dataclass(frozen=True)
class Person:
    """A made-up person, with the keys that the systems use."""

    number: int
    first: str
    last: str

    @property
    def employee(self) -> str:
        return str(21000 + self.number)

    @property
    def email(self) -> str:
        return f"{self.first}.{self.last}@acme.example".lower()

    @property
    def login(self) -> str:
        return f"{self.first[0]}{self.last}".lower() + str(self.number)

    @property
    def unit(self) -> str:
        return _UNITS[self.number % 2]

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills that the person works with, in the order in which they began."""
        start = self.number * 3
        return tuple(SKILLS[(start + i) % len(SKILLS)] for i in range(4))


@dataclass(frozen=True)
class Act:
    """A person works on a skill on a day."""

    number: int
    person: Person
    skill: str
    day: date
    hours: float

    @property
    def start(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 9, 15)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(hours=self.hours)


People = Sequence[Person]
Writer = Callable[[People, Random], str]


def write_company_exports(folder: Path) -> None:
    """Write the exports into subfolders; the same bytes on every call."""
    people = [Person(i, _FIRST[i % len(_FIRST)], _LAST[i % len(_LAST)]) for i in range(PEOPLE)]
    for seed, (name, write) in enumerate(FILES.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write(people, Random(seed)), encoding="utf-8")


def _acts(people: People, random: Random, count: int) -> Iterator[Act]:
    """Work of each person; skills begin one after the other over two years, on working days."""
    number = 0
    for person in people:
        for i in range(count):
            day = END - timedelta(days=2 + (count - 1 - i) * 700 // count + random.randrange(20))
            day -= timedelta(days=max(day.weekday() - 4, 0))
            skill = person.skills[min(i * 4 // count + random.randrange(2), 3)]
            number += 1
            yield Act(number, person, skill, day, random.choice((0.25, 0.5, 1.5, 2.0, 3.25, 4.0, 6.0)))


def _csv(header: str, rows: Iterator[Sequence[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue()


def workday(people: People, _: Random) -> str:
    header = (
        "Employee_ID,Display_Name,Work_Email,Business_Title,Worker_Status,Supervisory_Organization,Manager_Employee_ID,"
        "Hire_Date,Termination_Date,Date_of_Birth"
    )
    rows = (
        (
            *(p.employee, f"{p.first} {p.last}", p.email, "Engineer" if p.number % 3 else "Analyst", "Active", p.unit),
            *("21000", f"{2018 + p.number % 6}-03-01", "", "1990-01-01"),
        )
        for p in people
    )
    return _csv(header, rows)


def jira(people: People, random: Random) -> str:
    header = (
        "Summary,Issue key,Issue id,Issue Type,Status,Project key,Resolution,Assignee,Created,Updated,Resolved,Labels"
    )
    rows = (
        (
            *("never-read", f"DATA-{a.number}", 9000 + a.number, "Task", "Done", "DATA", "Done", a.person.login),
            *(f"{a.start:%d/%b/%y %I:%M %p}", f"{a.end:%d/%b/%y %I:%M %p}", f"{a.end:%d/%b/%y %I:%M %p}", a.skill),
        )
        for a in _acts(people, random, 6)
    )
    return _csv(header, rows)


def tempo(people: People, random: Random) -> str:
    header = "Issue Key,Issue summary,Hours,Work date,Username,Full name,Work Description,Worklog Id"
    rows = (
        (f"DATA-{a.number}", "never-read", a.hours, a.day, a.person.login, "never-read", "never-read", a.number)
        for a in _acts(people, random, 10)
    )
    return _csv(header, rows)


def clockify(people: People, random: Random) -> str:
    header = (
        "Project,Client,Description,Task,User,Group,Email,Tags,Billable,Start Date,Start Time,End Date,End Time,"
        "Duration (h),Duration (decimal)"
    )
    rows = (
        (
            *("Warehouse", "Acme", "never-read", "", "never-read", "", a.person.email, a.skill, "Yes"),
            *(f"{a.start:%m/%d/%Y}", f"{a.start:%I:%M:%S %p}", f"{a.end:%m/%d/%Y}", f"{a.end:%I:%M:%S %p}"),
            *(f"{timedelta(hours=a.hours)}", f"{a.hours:.2f}"),
        )
        for a in _acts(people, random, 6)
    )
    return _csv(header, rows)


def asana(people: People, random: Random) -> str:
    header = (
        "Task ID,Created At,Completed At,Last Modified,Name,Section/Column,Assignee,Assignee Email,Start Date,Due Date,"
        "Tags,Notes,Projects,Parent task"
    )
    rows = (
        (
            *(12000 + a.number, a.day - timedelta(days=3), a.day, a.day, "never-read", "Done", "never-read"),
            *(a.person.email, a.day - timedelta(days=2), a.day, a.skill, "never-read", "Warehouse", ""),
        )
        for a in _acts(people, random, 5)
    )
    return _csv(header, rows)


def github(people: People, random: Random) -> str:
    issues = [
        {
            "url": f"https://api.github.com/repos/acme/warehouse/issues/{a.number}",
            "repository_url": "https://api.github.com/repos/acme/warehouse",
            "html_url": f"https://github.com/acme/warehouse/issues/{a.number}",
            "id": 3_000_000 + a.number,
            "number": a.number,
            "title": "never-read",
            "user": {"login": "reporter-acme", "id": 900, "type": "User"},
            "labels": [{"id": 1, "name": a.skill}],
            "state": "closed",
            "state_reason": "completed",
            "assignee": {"login": a.person.login, "id": a.person.number, "type": "User"},
            "assignees": [{"login": a.person.login, "id": a.person.number, "type": "User"}],
            "created_at": f"{a.start.isoformat()}Z",
            "updated_at": f"{a.end.isoformat()}Z",
            "closed_at": f"{a.end.isoformat()}Z",
        }
        for a in _acts(people, random, 4)
    ]
    return json.dumps(issues)


def xapi(people: People, random: Random) -> str:
    statements = (
        {
            "id": f"s{a.number}",
            "actor": {"objectType": "Agent", "mbox": f"mailto:{a.person.email}"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
            "object": {"id": f"https://lms.example/c/{a.skill}", "definition": {"name": {"en": a.skill}}},
            "timestamp": f"{a.start.isoformat()}Z",
        }
        for a in _acts(people, random, 4)
    )
    return "".join(json.dumps(statement) + "\n" for statement in statements)


def coursera(people: People, random: Random) -> str:
    header = (
        "Name,Email,External Id,Course,Course ID,Course Slug,Enrollment Time,Last Course Activity Time,"
        "Overall Progress,Completed,Removed From Program,Program Slug,Completion Time,Course Grade"
    )
    rows = (
        (
            *("never-read", a.person.email, a.person.employee, a.skill, f"C{SKILLS.index(a.skill)}", a.skill),
            *(f"{a.start.isoformat()}Z", f"{a.end.isoformat()}Z", "100.0", "Yes", "No", f"p{a.number}"),
            *(f"{a.end.isoformat()}Z", "92.5"),
        )
        for a in _acts(people, random, 2)
    )
    return _csv(header, rows)


def udemy(people: People, random: Random) -> str:
    header = (
        "user_name,user_surname,user_email,user_role,user_external_id,course_id,course_title,course_category,"
        "course_duration,completion_ratio,num_video_consumed_minutes,course_enroll_date,course_start_date,"
        "course_completion_date,course_last_accessed_date,is_assigned"
    )
    rows = (
        (
            *("never-read", "never-read", a.person.email, "student", "", 8000 + a.number, a.skill, "Development", 120),
            *("100", "90.0", a.day, a.day, a.day, a.day, "true"),
        )
        for a in _acts(people, random, 2)
    )
    return _csv(header, rows)


def techwolf(people: People, random: Random) -> str:
    events = [
        {
            "external_id": f"e{a.number}",
            "event_type": "goal" if a.number % 3 == 0 else "project",
            "timestamp": f"{a.start.isoformat()}Z",
            "source": "hr",
            "employee_external_id": a.person.employee,
            "content": {"title": a.skill, "skills": [{"name": a.skill, "id": "x"}]},
        }
        for a in _acts(people, random, 3)
    ]
    return json.dumps({"skill_events": events})


def odoo(people: People, random: Random) -> str:
    header = "Employee,Employee/Work Email,Skill Type,Skill,Skill Level,Progress,Last Updated on"
    rows = (
        (
            f"{p.first} {p.last}",
            p.email,
            "Technical",
            skill,
            "Advanced",
            random.choice((60, 80, 100)),
            "2026-05-04 08:15:00",
        )
        for p in people
        for skill in p.skills[:2]
    )
    return _csv(header, rows)


def kantata(people: People, random: Random) -> str:
    header = (
        "Time Entry ID,Date Performed,User ID,User,User Email,Project ID,Project,Task ID,Task,Time In Minutes,Billable,"
        "Notes,Approved,Updated At"
    )
    rows = (
        (
            *(9000 + a.number, a.day, 300 + a.person.number, "never-read", a.person.email, 88, "Move", 7, a.skill),
            *(int(a.hours * 60), "true", "never-read", "true", f"{a.end.isoformat()}Z"),
        )
        for a in _acts(people, random, 5)
    )
    return _csv(header, rows)


def logins(people: People, _: Random) -> str:
    """A table of the company: the logins of Jira and GitHub; one person has none."""
    return _csv("Konto,Personal-Nr", ((p.login, p.employee) for p in people[:-1]))


def mentoring(people: People, random: Random) -> str:
    """A table of the company whose headers say little: who, when, what, how long, with a decimal comma."""
    rows = (
        (a.person.employee, f"{a.day:%d.%m.%Y}", a.skill, f"{a.hours:.2f}".replace(".", ","), "intern")
        for a in _acts(people, random, 3)
    )
    return _csv("a,b,c,d,e", rows, delimiter=";")


def notes(_: People, __: Random) -> str:
    return "Ana Abel said on Monday that the export of last week is late.\nAsk her again.\n"


FILES: dict[str, Writer] = {
    "hr/workers_2026-06-30.csv": workday,
    "projects/jira/issues.csv": jira,
    "projects/tempo/worklogs_2026-06.csv": tempo,
    "projects/clockify.csv": clockify,
    "projects/asana tasks.csv": asana,
    "projects/github-issues.json": github,
    "projects/kantata/20260630T020000_time_entry.csv": kantata,
    "learning/statements_2026-06.jsonl": xapi,
    "learning/coursera.csv": coursera,
    "learning/udemy_activity.csv": udemy,
    "skills/events.json": techwolf,
    "skills/odoo.csv": odoo,
    "own/konten.csv": logins,
    "own/liste.csv": mentoring,
    "notes.txt": notes,
}
