"""The texts about the openings that a person could join.

Belongs here: sentences made from matches and from what their openings show.
Does not belong here: which openings these are (`ml.recommend`), recommended steps (`step_texts`).
"""

from dataclasses import dataclass

from pipelines.publish.site.language import PageLanguage, counted_message, message
from pipelines.publish.site.page_data import PageData, Row

SQUAD_ANSWER_TEXTS = {
    "join": message("You asked to join %(opening)s."),
    "not_now": message("You said “Not now” to %(opening)s."),
    "not_this": message("You said “Not this one” to %(opening)s."),
}
_WORKLOAD_TEXTS = {
    "fits": message("Your week has room for it: about %(hours)s hours are free."),
    "full": message("Your week has no room for it at present."),
    "unknown": message("It is not known whether your week has room for it: your weekly hours were not exported."),
}
_CHANGE_TEXTS = {
    "less_work": message("With less other work, your week would have room for it."),
    "wish": message("If you wished for this micro-skill, it would be higher in this list."),
    "no_wish": message("Without your wish for this micro-skill, it would be lower in this list."),
}
_INTERESTED_TEXTS = counted_message("%(count)s person wants to join.", "%(count)s people want to join.")
_FOLLOW_TEXTS = counted_message("%(count)s person on the work holds it.", "%(count)s people on the work hold it.")
_LEAD_TEXTS = counted_message(
    "%(count)s person on the work is one stage behind you.", "%(count)s people on the work are one stage behind you."
)


@dataclass(frozen=True, slots=True)
class OpeningView:
    """An opening on a person's page: its place, its micro-skill, its work and its texts."""

    rank: int
    opening_id: str
    title: str
    work: str
    reasons: list[str]
    companions: list[str]
    workload: str
    counterfactual: str
    answer: str


def describe_openings(openings: list[Row], page_data: PageData, language: PageLanguage) -> list[OpeningView]:
    """The openings that a person could join, best for the person first.

    Args:
        openings: Rows of out__squad_match with what their opening shows.
        page_data: The input of the pages.
        language: The language of the page.
    """
    return [
        OpeningView(
            rank=opening["rank"],
            opening_id=opening["opening_id"],
            title=page_data.skill_name(opening["skill_id"]),
            work=_describe_work(opening, language),
            reasons=_describe_reasons(opening, page_data, language),
            companions=_describe_companions(opening, page_data, language),
            workload=language.translate(
                _WORKLOAD_TEXTS[opening["workload"]], hours=language.format_number(opening["free_weekly_hours"] or 0)
            ),
            counterfactual=language.translate(_CHANGE_TEXTS[opening["decisive_change"]])
            if opening["decisive_change"]
            else "",
            answer=language.translate("You asked to join.") if opening["squad_reply_kind"] == "join" else "",
        )
        for opening in openings
    ]


def name_opening(opening_id: str, page_data: PageData, language: PageLanguage) -> str:
    """The micro-skill and the work of an opening, in the words of the page.

    Args:
        opening_id: The opening; it may be closed.
        page_data: The input of the pages.
        language: The language of the page.
    """
    work_code, _, skill_id = opening_id.rpartition("|")
    return language.translate("“%(skill)s” in %(work)s", skill=page_data.skill_name(skill_id), work=work_code)


def describe_squad_answers(answers: list[Row], page_data: PageData, language: PageLanguage) -> list[str]:
    """One sentence per opening about the person's last answer.

    Args:
        answers: The answers, oldest first.
        page_data: The input of the pages.
        language: The language of the page.
    """
    last_kinds = {answer["opening_id"]: answer["squad_reply_kind"] for answer in answers}
    return [
        language.translate(SQUAD_ANSWER_TEXTS[reply_kind], opening=name_opening(opening_id, page_data, language))
        for opening_id, reply_kind in last_kinds.items()
    ]


def _describe_work(opening: Row, language: PageLanguage) -> str:
    if opening["project_code"]:
        parts = [language.translate("Project %(project)s", project=opening["project_code"])]
    else:
        parts = [opening["opening_id"].rpartition("|")[0]]
    if opening["planned_weekly_hours"]:
        hours = language.format_number(opening["planned_weekly_hours"])
        parts.append(language.translate("about %(hours)s hours per week", hours=hours))
    if opening["planned_end_date"]:
        parts.append(language.translate("until %(date)s", date=language.format_date(opening["planned_end_date"])))
    return " · ".join(parts)


def _describe_reasons(opening: Row, page_data: PageData, language: PageLanguage) -> list[str]:
    reasons = []
    if opening["kind"] == "refresh":
        reasons.append(language.translate("Your next step there: refresh it by practising."))
    elif opening["to_stage"]:
        stage_word = language.name_stage(opening["to_stage"])
        reasons.append(language.translate("Your next step there: %(stage)s.", stage=stage_word))
    brought_names = [page_data.skill_name(skill_id) for skill_id in opening["brings_skill_ids"]]
    if brought_names:
        skills = language.join(language.translate("“%(name)s”", name=name) for name in brought_names)
        reasons.append(language.translate("You bring what the work lacks: %(skills)s.", skills=skills))
    elif any(reason["code"] == "brings" for reason in opening["reasons"]):
        reasons.append(language.translate("You hold the micro-skill that it asks for."))
    if opening["wish_weight"]:
        reasons.append(language.translate("You wished for this micro-skill."))
    return reasons


def _describe_companions(opening: Row, page_data: PageData, language: PageLanguage) -> list[str]:
    texts = []
    if opening["follow_id"]:
        texts.append(language.translate("To follow: %(name)s.", name=page_data.person_name(opening["follow_id"])))
    elif opening["follow_count"]:
        texts.append(language.translate_count(*_FOLLOW_TEXTS, opening["follow_count"]))
    if opening["lead_id"]:
        texts.append(language.translate("To lead: %(name)s.", name=page_data.person_name(opening["lead_id"])))
    elif opening["lead_count"]:
        texts.append(language.translate_count(*_LEAD_TEXTS, opening["lead_count"]))
    if opening["interested_count"]:
        texts.append(language.translate_count(*_INTERESTED_TEXTS, opening["interested_count"]))
    return texts
