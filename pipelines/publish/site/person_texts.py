"""The texts about what is stored about a person, what the person said, and to whom the person is shown.

Belongs here: sentences made from consents, replies, counts of viewers and counts of stored rows.
Does not belong here: recommended steps (`step_texts`), held micro-skills (`capability_picture`).
"""

from datetime import date

from pipelines.publish.site.language import PageLanguage, counted_message, message
from pipelines.publish.site.page_data import PageData, Row

# The kinds of stored rows, in the order of the page.
_STORED_KIND_TEXTS = {
    "repetition": message("work"),
    "observation": message("courses and other learning"),
    "feedback": message("assessments, certificates and test results"),
    "teaching": message("what you passed on to others, reviews included"),
    "wish": message("your wishes"),
    "consent": message("your consents"),
    "reply": message("your replies"),
    "preference": message("whether you want recommendations"),
}
_VIEWER_TEXTS = {
    "follow": counted_message(
        "%(count)s person sees you as someone to follow in “%(skill)s”.",
        "%(count)s people see you as someone to follow in “%(skill)s”.",
    ),
    "walk_with": counted_message(
        "%(count)s person sees you as someone to walk with in “%(skill)s”.",
        "%(count)s people see you as someone to walk with in “%(skill)s”.",
    ),
    "lead": counted_message(
        "%(count)s person sees you as someone to lead in “%(skill)s”.",
        "%(count)s people see you as someone to lead in “%(skill)s”.",
    ),
}
RELATION_TEXTS = {
    "all": message("in every relation"),
    "follow": message("as someone to follow"),
    "walk_with": message("as someone to walk with"),
    "lead": message("as someone to lead"),
}
_REPLY_TEXTS = {
    "accept": message("You accepted “%(skill)s”"),
    "dismiss": message("You dismissed “%(skill)s”"),
    "snooze": message("You put off “%(skill)s”"),
    "dispute": message("You disputed the estimate of “%(skill)s”"),
    "hide": message("You hid “%(skill)s”"),
    "done": message("You said that you have done “%(skill)s”"),
    "retract": message("You took back a reply about “%(skill)s”"),
}
_EFFECT_TEXTS = {
    "kept_on_list": message("it stays on your list"),
    "kept_away": message("it is kept off your list"),
    "word_beside_estimate": message("your word is shown beside the estimate"),
    "shown_to_nobody_else": message("it is shown to nobody else"),
    "counted_as_evidence": message("it counts as evidence"),
    "taken_back": message("the reply no longer counts"),
    "superseded": message("a later reply of yours replaced it"),
    "not_understood": message("the reply could not be understood"),
}


def describe_viewers(viewer_counts: list[Row], page_data: PageData, language: PageLanguage) -> list[str]:
    """One sentence per relation and micro-skill in which the person is shown to others: how many, never who."""
    return [
        language.translate_count(
            *_VIEWER_TEXTS[viewer_row["relation"]],
            viewer_row["viewer_count"],
            skill=page_data.skill_name(viewer_row["companion_skill_id"]),
        )
        for viewer_row in viewer_counts
    ]


def describe_consents(consents: list[Row], as_of: date | None, language: PageLanguage) -> list[str]:
    """One sentence per micro-skill and relation about the person's last statement up to the day of the run."""
    last_statements = {
        (consent["skill_text"], consent["consent_relation"]): consent
        for consent in consents
        if as_of is None or consent["stated_at"].date() <= as_of
    }
    return [_describe_consent(consent, as_of, language) for consent in last_statements.values()]


def _describe_consent(consent: Row, as_of: date | None, language: PageLanguage) -> str:
    is_general = consent["skill_text"].strip().lower() == "all"
    values = {
        "skill": language.translate("every micro-skill")
        if is_general
        else language.translate("“%(name)s”", name=consent["skill_text"]),
        "relation": language.translate(RELATION_TEXTS[consent["consent_relation"]]),
        "date": language.format_date(consent["stated_at"].date()),
    }
    if consent["consent_status"] == "withdrawn":
        return language.translate("Withdrawn on %(date)s: %(skill)s, %(relation)s.", **values)
    if consent["expires_date"] is None:
        return language.translate(
            "Agreed on %(date)s without an end, and therefore not in force: %(skill)s, %(relation)s.", **values
        )
    values["end"] = language.format_date(consent["expires_date"])
    if as_of is not None and consent["expires_date"] < as_of:
        return language.translate("Agreed on %(date)s, ended on %(end)s: %(skill)s, %(relation)s.", **values)
    return language.translate("Agreed on %(date)s until %(end)s: %(skill)s, %(relation)s.", **values)


def describe_replies(replies: list[Row], page_data: PageData, language: PageLanguage) -> list[str]:
    """One sentence per reply, in the order of time: what the person replied, when, and what came of it."""
    return [
        language.translate(
            "%(reply)s on %(date)s: %(effect)s.",
            reply=language.translate(_REPLY_TEXTS[reply["reply_kind"]], skill=page_data.skill_name(reply["skill_id"])),
            date=language.format_date(reply["replied_at"].date()),
            effect=language.translate(_EFFECT_TEXTS[reply["effect"]]),
        )
        for reply in replies
    ]


def describe_stored_rows(
    stored_counts: list[Row], page_data: PageData, language: PageLanguage
) -> list[tuple[str, str, str, str]]:
    """Source with its system, kind, number and period of each kind of stored row."""
    kinds = list(_STORED_KIND_TEXTS)
    sorted_counts = sorted(
        stored_counts,
        key=lambda stored_count: (kinds.index(stored_count["mode"]), stored_count["source_name"]),
    )
    return [
        (
            name_source(stored_count["source_name"], page_data),
            language.translate(_STORED_KIND_TEXTS[stored_count["mode"]]),
            language.format_number(stored_count["rows"]),
            _describe_period(stored_count["first"], stored_count["last"], language),
        )
        for stored_count in sorted_counts
    ]


def name_source(source_name: str | None, page_data: PageData) -> str:
    """Name of a source, with the system that writes its exports if that is known and another name."""
    system_name = page_data.system_by_source.get(source_name or "")
    is_told_by_name = system_name in (None, "tabular", source_name)
    return source_name or "" if is_told_by_name else f"{source_name} ({system_name})"


def _describe_period(first_day: date | None, last_day: date | None, language: PageLanguage) -> str:
    if first_day is None or last_day is None:
        return ""
    if first_day == last_day:
        return language.format_date(first_day)
    return f"{language.format_date(first_day)} – {language.format_date(last_day)}"
