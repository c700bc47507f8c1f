"""The texts about what is stored about a person, what the person said, and to whom the person is shown.

Belongs here: sentences made from consents, replies, counts of viewers and counts of stored rows.
Does not belong here: recommended steps (`step_texts`), held micro-skills (`capability_picture`).
"""

from datetime import date
from functools import cache

from pipelines.publish.site.language import PageLanguage, counted_message, message
from pipelines.publish.site.page_data import PageData, Row
from pipelines.sources.adapter import all_adapters

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
    "squad_reply": message("your answers about openings"),
}
_VIEWER_TEXTS = {
    "follow": counted_message(
        "%(count)s person sees you, by name, as an example to follow in “%(skill)s”.",
        "%(count)s people see you, by name, as an example to follow in “%(skill)s”.",
    ),
    "walk_with": counted_message(
        "%(count)s person sees you, by name, as somebody with the same next step, “%(skill)s”.",
        "%(count)s people see you, by name, as somebody with the same next step, “%(skill)s”.",
    ),
    "lead": counted_message(
        "%(count)s person sees you, by name, as somebody whom they could help with “%(skill)s”.",
        "%(count)s people see you, by name, as somebody whom they could help with “%(skill)s”.",
    ),
}
RELATION_TEXTS = {
    "all": message("in every relation"),
    "follow": message("as an example to follow"),
    "walk_with": message("as somebody with the same next step"),
    "lead": message("as somebody whom others could help"),
}
_REPLY_TEXTS = {
    "accept": message("You accepted “%(skill)s”"),
    "dismiss": message("You said that “%(skill)s” is not for you"),
    "snooze": message("You put off “%(skill)s”"),
    "dispute": message("You disputed the estimate of “%(skill)s”"),
    "hide": message("You hid “%(skill)s”"),
    "done": message("You said that you have done “%(skill)s”"),
    "retract": message("You took back a reply about “%(skill)s”"),
}
# The least weight of each text; the weights that a form offers (1, 0.67, 0.33, 0) are in the middle of their ranges.
_WISH_WEIGHT_TEXTS = (
    (0.84, message("very much")),
    (0.5, message("much")),
    (0.01, message("a little")),
    (0.0, message("no longer")),
)
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


def describe_consents(
    consents: list[Row], as_of: date | None, page_data: PageData, language: PageLanguage
) -> list[str]:
    """One sentence per micro-skill and relation about the person's last statement up to the day of the run."""
    last_statements = {
        (consent["skill_text"], consent["consent_relation"]): consent
        for consent in consents
        if as_of is None or consent["stated_at"].date() <= as_of
    }
    return [_describe_consent(consent, as_of, page_data, language) for consent in last_statements.values()]


def _describe_consent(consent: Row, as_of: date | None, page_data: PageData, language: PageLanguage) -> str:
    is_general = consent["skill_text"].strip().lower() == "all"
    values = {
        "skill": language.translate("every micro-skill")
        if is_general
        else language.translate("“%(name)s”", name=page_data.skill_name(consent["skill_text"])),
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


def describe_wishes(wishes: list[Row], as_of: date | None, page_data: PageData, language: PageLanguage) -> list[str]:
    """One sentence per micro-skill that the person wants to learn, by the last wish for it up to the day of the run."""
    last_wishes = {
        page_data.skill_name(wish["skill_text"]): wish
        for wish in wishes
        if wish["skill_text"] and (as_of is None or wish["stated_at"].date() <= as_of)
    }
    return [
        language.translate(
            "“%(skill)s”: %(weight)s. Said on %(date)s.",
            skill=skill_name,
            weight=language.translate(_name_wish_weight(wish["wish_weight"])),
            date=language.format_date(wish["stated_at"].date()),
        )
        for skill_name, wish in last_wishes.items()
    ]


def _name_wish_weight(wish_weight: float | None) -> str:
    # a wish without a weight counts fully
    weight = 1.0 if wish_weight is None else wish_weight
    return next(text for least_weight, text in _WISH_WEIGHT_TEXTS if weight >= least_weight)


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
    return source_name or "" if is_told_by_name else f"{source_name} ({_title_system(system_name or '')})"


@cache
def _title_system(system_name: str) -> str:
    """The title of a system's adapter without the forms of its files; the name if no adapter has it."""
    adapter = all_adapters().get(system_name)
    return adapter.title.partition(" (")[0] if adapter else system_name


def _describe_period(first_day: date | None, last_day: date | None, language: PageLanguage) -> str:
    if first_day is None or last_day is None:
        return ""
    if first_day == last_day:
        return language.format_date(first_day)
    return f"{language.format_date(first_day)} – {language.format_date(last_day)}"
