"""The pages: one's own with forms for answers, the team's, the run's, and a start page.

Belongs here: which page a caller gets, and the answers that its forms send.
Does not belong here: the content of pages (`pipelines.publish.site`).
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from assets.answers.landing_rows import AnswerRefused
from assets.web.answers import ANSWER_ADAPTER
from assets.web.given_answers import GivenAnswer, find_pending
from assets.web.openings import list_answered_openings, make_opening_check
from assets.web.protection import is_same_origin
from assets.web.service import Refused, Visit
from pipelines.contracts.columns import STAGES
from pipelines.contracts.squad_columns import SQUAD_REPLY_KINDS
from pipelines.publish.site.drawn_charts import DrawnCharts
from pipelines.publish.site.language import message
from pipelines.publish.site.opening_texts import SQUAD_ANSWER_TEXTS, name_opening
from pipelines.publish.site.page_data import PageData, PersonRows, iterate_people, name_team_page
from pipelines.publish.site.pages import render_person_page
from pipelines.publish.site.person_texts import RELATION_TEXTS
from pipelines.publish.site.run_page import build_run_sections

OWN_PAGE = "/people/me/"
# The fields of a form that belong to each kind of answer; a browser sends the empty ones, too.
_REPLY_FIELDS = ("kind", "skill_id", "step_goal")
_FIELDS_BY_KIND = {
    **dict.fromkeys(("accept", "dismiss", "done", "hide", "retract"), _REPLY_FIELDS),
    "snooze": (*_REPLY_FIELDS, "until_date"),
    "dispute": (*_REPLY_FIELDS, "stated_stage"),
    "wish": ("kind", "skill_id", "wish_weight"),
    "consent": ("kind", "skill_id", "consent_relation", "expires_date"),
    "withdraw": ("kind", "skill_id", "consent_relation"),
    **dict.fromkeys(SQUAD_REPLY_KINDS, ("kind", "opening_id")),
    **dict.fromkeys(("opt_out", "opt_in"), ("kind",)),
    **dict.fromkeys(("copy", "erasure"), ("kind", "is_confirmed")),
}
_PENDING_TEXTS = {
    "accept": message("You accepted “%(skill)s”."),
    "dismiss": message("You said that “%(skill)s” is not for you."),
    "snooze": message("You put “%(skill)s” off until %(date)s."),
    "dispute": message("You say that you are at “%(stage)s” in “%(skill)s”."),
    "hide": message("You hid “%(skill)s” from others."),
    "done": message("You marked “%(skill)s” as done."),
    "retract": message("You took back your replies about “%(skill)s”."),
    "retract step": message("You took back what you said about the next step in “%(skill)s”."),
    "wish": message("Your wish to learn “%(skill)s” weighs %(share)s."),
    "consent": message("You agreed to be shown until %(date)s: %(shown_skill)s, %(relation)s."),
    "withdraw": message("You withdrew your consent to be shown: %(shown_skill)s, %(relation)s."),
    **SQUAD_ANSWER_TEXTS,
    "opt_out": message("You opted out of recommendations."),
    "opt_in": message("You want recommendations again."),
    "copy": message("You asked for a copy of what is stored about you."),
    "erasure": message("You asked to be erased."),
}
# A longer list of names makes a page slow to load; names can be typed all the same.
_MAX_LISTED_SKILLS = 500
# What is served leaves these out at once; the next run does the rest.
IMMEDIATE_KINDS = frozenset({"hide", "withdraw", "opt_out", "erasure"})


def show_start(visit: Visit) -> Response:
    """The pages that the caller may see."""
    own_units = visit.served.directory.list_units(visit.caller.person_id) if visit.caller.person_id else frozenset()
    team_pages = [
        (name_team_page(unit_name), unit_name)
        for unit_name in sorted(own_units)
        if unit_name in visit.served.team_page_by_unit
    ]
    template = visit.served.environment.get_template("start.html.j2")
    return _html(template.render(root="", teams=team_pages, caller=visit.caller))


def redirect_to_own_page(visit: Visit) -> Response:
    """A redirect to the caller's page, or to the start page if the caller has none."""
    return RedirectResponse(OWN_PAGE if visit.caller.person_id else "/index.html", 303)


def show_own_page(visit: Visit) -> Response:
    """The caller's own page, with what they answered and forms to answer."""
    (person_rows,) = iterate_people(visit.served.page_data, [visit.person_id])
    if any(describe_kind(answer) == "erasure" for answer in list_pending(visit)):
        # the published reason would be that the person opted out
        first_step = person_rows.steps[0] if person_rows.steps else dict.fromkeys(("rank", "kind", "to_stage"))
        person_rows = replace(person_rows, steps=[{**first_step, "no_recommendation_reason": "erasure_requested"}])
    answer_section = visit.served.environment.get_template("answers.html.j2").make_module(
        {"answers": _describe_answer_section(visit, person_rows), "stages": STAGES, "relations": RELATION_TEXTS}
    )
    # a template of its own per request: the globals of a shared one would be seen by every request
    page_template = visit.served.environment.from_string(
        '{% extends "own_page.html.j2" %}',
        globals={
            "answer_section": Markup(answer_section),
            "answer_step": answer_section.answer_step,
            "answer_opening": answer_section.answer_opening,
            "is_operator": visit.caller.is_operator,
        },
    )
    return _html(render_person_page(page_template, visit.served.page_data, person_rows))


def take_form(visit: Visit) -> Response:
    """Write the answer of a form, and lead back to the page."""
    form_fields = dict(parse_qsl(visit.body.decode("utf-8", "replace"), keep_blank_values=True))
    if not is_same_origin(visit.request.headers) or not visit.service.form_tokens.is_valid(
        form_fields.get("form_token", ""), visit.person_id
    ):
        raise Refused(403, message("This form is not of your page, or too old: load your page again, then answer."))
    kind = form_fields.get("kind", "")
    answer = ANSWER_ADAPTER.validate_python(
        {
            field_name: form_fields[field_name].strip()
            for field_name in _FIELDS_BY_KIND.get(kind, ("kind",))
            if form_fields.get(field_name, "").strip()
        }
        | ({"skill_id": _find_skill(visit, form_fields["skill_text"])} if form_fields.get("skill_text") else {})
        | ({"is_confirmed": True} if form_fields.get("is_confirmed") == "yes" else {})
    )
    known_skill_ids = visit.served.page_data.skill_row_by_id
    visit.service.answer_writer.write(
        visit.person_id, answer, known_skill_ids, visit.service.now(), make_opening_check(visit)
    )
    return RedirectResponse(f"{OWN_PAGE}#pending", 303)


def show_team_page(visit: Visit) -> Response:
    """The page of a team of the caller, if it has enough people."""
    page_name = visit.request.path_params["page_name"]
    for unit_name in visit.served.directory.list_units(visit.person_id):
        if name_team_page(unit_name) == page_name and unit_name in visit.served.team_page_by_unit:
            return _html(visit.served.team_page_by_unit[unit_name])
    raise Refused(404, message("You have no such team, or it has too few people for a page."))


def show_run_page(visit: Visit) -> Response:
    """The page about the run."""
    template = visit.served.environment.get_template("run.html.j2")
    return _html(template.render(sections=build_run_sections(visit.served.page_data, DrawnCharts({})), root=""))


def describe_kind(answer: GivenAnswer) -> str:
    """The kind of an answer, as forms name it."""
    cells = answer.cells
    if "consent_status" in cells:
        return "consent" if cells["consent_status"] == "granted" else "withdraw"
    if "is_opted_out" in cells:
        return "opt_out" if cells["is_opted_out"] == "true" else "opt_in"
    return cells.get("reply_kind") or cells.get("squad_reply_kind") or cells.get("request_kind") or "wish"


def list_pending(visit: Visit) -> list[GivenAnswer]:
    """The answers of the caller that the snapshot does not contain, newest first."""
    snapshot = visit.served.snapshot
    return find_pending(visit.served.given_answers, visit.person_id, visit.service.reader.lake, snapshot.published_at)


def _describe_answer_section(visit: Visit, person_rows: PersonRows) -> dict[str, Any]:
    page_data = visit.served.page_data
    held_skills = sorted(
        ((held_skill["skill_id"], page_data.skill_name(held_skill["skill_id"])) for held_skill in person_rows.mastery),
        key=lambda id_and_name: id_and_name[1],
    )
    return {
        "form_token": visit.service.form_tokens.create(visit.person_id),
        "tomorrow": visit.service.now().date() + timedelta(days=1),
        "pending": [
            (
                _describe_pending(page_data, answer),
                page_data.language.translate(_find_effect_text(describe_kind(answer))),
                answer.stated_at,
            )
            for answer in list_pending(visit)
        ],
        "goal_by_rank": {
            step["rank"]: "refresh" if step["kind"] == "refresh" else step["to_stage"] for step in person_rows.steps
        },
        "held_skills": held_skills,
        "open_answers": list_answered_openings(visit, person_rows.squad_answers),
        "skill_names": sorted({str(skill_row["skill_name"]) for skill_row in page_data.skill_row_by_id.values()})
        if len(page_data.skill_row_by_id) <= _MAX_LISTED_SKILLS
        else sorted({skill_name for _, skill_name in held_skills}),
        "takes_copies": visit.service.answer_writer.find_request_pattern("copy") is not None,
        "takes_erasures": visit.service.answer_writer.find_request_pattern("erasure") is not None,
    }


def _find_effect_text(kind: str) -> str:
    if kind == "copy":
        return message("Pending: your data-protection officer answers it.")
    if kind in IMMEDIATE_KINDS:
        return message("What is shown here follows it already; the next run, usually at night, does the rest.")
    return message("Pending: the next run, usually at night, reads it.")


def _describe_pending(page_data: PageData, answer: GivenAnswer) -> str:
    """The sentence about an answer, in the language of the page."""
    language, cells = page_data.language, answer.cells
    sentence_parts = {"skill": page_data.skill_name(cells.get("skill_text"))}
    if "opening_id" in cells:
        sentence_parts["opening"] = name_opening(cells["opening_id"], page_data, language)
    if "consent_relation" in cells:
        sentence_parts["shown_skill"] = (
            language.translate("every micro-skill")
            if cells["skill_text"] == "all"
            else language.translate("“%(name)s”", name=sentence_parts["skill"])
        )
        sentence_parts["relation"] = language.translate(RELATION_TEXTS[cells["consent_relation"]])
    for day_column in ("until_date", "expires_date"):
        if day_column in cells:
            sentence_parts["date"] = language.format_date(date.fromisoformat(cells[day_column]))
    if "stated_stage" in cells:
        sentence_parts["stage"] = language.name_stage(cells["stated_stage"])
    if "wish_weight" in cells:
        sentence_parts["share"] = language.format_share(float(cells["wish_weight"]))
    kind = describe_kind(answer)
    # on a step's card the replies to this step are taken back, and a hidden or disputed stage stays
    text = _PENDING_TEXTS["retract step" if kind == "retract" and cells.get("step_goal") else kind]
    return language.translate(text, **sentence_parts)


def _find_skill(visit: Visit, skill_text: str) -> str:
    """The skill_id of a micro-skill that a person names by id or name."""
    wanted_text = skill_text.strip().lower()
    matching_ids = [
        skill_id
        for skill_id, skill_row in visit.served.page_data.skill_row_by_id.items()
        if wanted_text in (skill_id.lower(), str(skill_row["skill_name"]).lower())
    ]
    if len(matching_ids) != 1:
        raise AnswerRefused(message("no micro-skill, or more than one, has this name: write it as your page does"))
    return matching_ids[0]


def _html(page_html: str) -> Response:
    return Response(page_html, media_type="text/html")
