"""The texts about a recommended step: why, how, with whom, how likely, and what would have changed it.

Belongs here: sentences made from reason codes and from the columns of out__next_skill, out__companion and
out__counterfactual.
Does not belong here: the published sentences (`ml.recommend`), which stay in one language; the rest of a person's page
(`person_page`).

Codes become sentences here. Only the project, the course and the number of colleagues in `how`, and the unit and the
months of a companion, are published in a sentence alone: they are read from it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

from pipelines.contracts.columns import RELATIONS, STAGE_INDEX
from pipelines.publish.site.craft_page import split_time_text
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import PageData, Row

# From these values on, a reason is strong enough to be named: a share of a motive, and log odds of the ranker.
_MIN_SHARE, _MIN_LOG_ODDS = 0.5, 0.1
_MAX_REASONS, _MAX_SKILL_NAMES = 3, 2
# Contributions are relative to the person's other candidates, and so are the sentences.
_FAMILY_TEXTS = {
    "model_history": message("People whose path resembles yours took it next more often than other steps."),
    "model_hr": message("Colleagues in your role or team take it more often than other steps."),
    "model_trend": message("More colleagues are taking it up than before, compared with other steps."),
    "model_text": message("It is closer to what you already practise than other steps."),
    "model_curriculum": message("People take it at about this point more often than other steps."),
}
_KIND_TEXTS = {"new": message("Take up"), "deepen": message("Deepen"), "refresh": message("Refresh")}
_RELATION_TEXTS = {
    "follow": message("To follow"),
    "walk_with": message("To walk with"),
    "lead": message("To lead"),
}
_ADDED_EVIDENCE_TEXTS = {
    "observation": message("One completed course on it would be enough"),
    "repetition": message("One more day of work on it would be enough"),
    "feedback": message("One more positive assessment of your work on it, by someone who has not given one, would do"),
    "teaching": message("Passing it on once more would be enough"),
}
_REMOVED_EVIDENCE_TEXTS = {
    "observation": message("Without what you attended or completed on %(date)s"),
    "repetition": message("Without the work recorded on %(date)s"),
    "teaching": message("Without what you passed on to others on %(date)s"),
    "certificate": message("Without your certificate of %(date)s"),
    "assessment": message("Without your course or test result of %(date)s"),
    "manager": message("Without your manager's assessment of %(date)s"),
    "peer": message("Without your colleague's assessment of %(date)s"),
    "self": message("Without your own assessment of %(date)s"),
    "feedback": message("Without the assessment of %(date)s"),
}
_COURSE_PATTERN = re.compile(r"Begin with “(?P<course>.+)”\.(?: Then repeat it on (?P<project>.+), which has open .+)?")
_PROJECT_PATTERN = re.compile(r"Repeat it on (?P<project>.+), which has open work that names it\.")
_COLLEAGUES_PATTERN = re.compile(r"Ask to watch: (?P<count>\d+) colleagues practised it lately\.")
_FEEDBACK_SENTENCE = " Then ask someone who saw it for feedback."
_NOTHING_KNOWN_SENTENCE = "No project, course or colleague is known for it yet"
_UNIT_PATTERN = re.compile(r"\S+ people in (?P<unit>.+?) (?:made this move|have this step|are one stage behind)")
_MONTHS_PATTERN = re.compile(r", in (?:about a month|(?P<months>\S+) months)(?: on average)?\.")
_SAME_UNIT_SENTENCE = " They work in your unit."
_NUMBER_WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
# What a motive is about, its share in whole percent or None, and a text.
Motive = tuple[str, int | None, str]
# Cached texts that are made from a few stages, whole percents and days.
_CACHED_TEXT_COUNT = 50_000
_NUMBER_BY_WORD = {number_word: number for number, number_word in enumerate(_NUMBER_WORDS, start=1)}


def describe_kind(step: Row, language: PageLanguage) -> str:
    """What kind of step it is, and the stages it leads between."""
    return _describe_kind(step["kind"], step["from_stage"], step["to_stage"], language)


@lru_cache(_CACHED_TEXT_COUNT)
def _describe_kind(kind: str, from_stage: str, to_stage: str, language: PageLanguage) -> str:
    kind_text = language.translate(_KIND_TEXTS[kind])
    from_word, to_word = language.name_stage(from_stage), language.name_stage(to_stage)
    stages_text = {
        "new": language.translate("first stage: %(stage)s", stage=to_word),
        "deepen": language.translate("from %(from)s to %(to)s", **{"from": from_word, "to": to_word}),
        "refresh": language.translate("held as %(stage)s, not practised for a long time", stage=from_word),
    }[kind]
    return f"{kind_text} · {stages_text}"


def explain_step(
    step: Row, combined_names: Sequence[str], completed_count: int, page_data: PageData, language: PageLanguage
) -> tuple[str, ...]:
    """Say why a step is recommended: motives first, then the strongest contributions of the ranker.

    Args:
        step: A row of `PersonRows.steps`.
        combined_names: Names of held micro-skills of the same capability, at the step's stage or above.
        completed_count: Number of micro-skills of the capability at the step's stage or above, once it is taken.
        page_data: The input of the pages.
        language: The language of the page.

    Returns:
        One to three sentences.
    """
    value_by_code = dict(zip(step["reason_codes"] or (), step["reason_values"] or (), strict=True))
    contributions = sorted(
        (
            (-value, code)
            for code, value in value_by_code.items()
            if code in _FAMILY_TEXTS and value is not None and value > _MIN_LOG_ODDS
        ),
    )
    reason_sentences = [
        *_explain_motives(step, value_by_code, combined_names, completed_count, page_data, language),
        *(language.translate(_FAMILY_TEXTS[code]) for _, code in contributions),
    ]
    return tuple(reason_sentences[:_MAX_REASONS]) or (language.translate("It is open to you now."),)


def _explain_motives(
    step: Row,
    value_by_code: dict[str, float],
    combined_names: Sequence[str],
    completed_count: int,
    page_data: PageData,
    language: PageLanguage,
) -> Iterator[str]:
    if value_by_code.get("wish", 0) >= _MIN_SHARE:
        yield language.translate("It fits what you said you want to learn.")
    if combined_names and value_by_code.get("coverage", 0) >= _MIN_SHARE:
        yield _explain_coverage(step, combined_names, completed_count, page_data, language)
    elif (readiness := value_by_code.get("builds_on", 0)) >= 1:
        yield language.translate("You hold everything that it builds on.")
    elif readiness > 0:
        yield language.translate("You hold %(share)s of what it builds on.", share=language.format_share(readiness))
    role_need = value_by_code.get("role_need", 0)
    if role_need >= _MIN_SHARE:
        yield (
            language.translate("Your role needs it.")
            if role_need >= 1
            else language.translate("It helps in your role.")
        )
    if value_by_code.get("demand", 0) >= _MIN_SHARE:
        yield language.translate("Open or recent work calls for it.")


def _explain_coverage(
    step: Row, combined_names: Sequence[str], completed_count: int, page_data: PageData, language: PageLanguage
) -> str:
    """How many micro-skills of the capability the step leads to; the picture of the capability counts the same."""
    capability_name = page_data.capability_name(step["skill_id"])
    skill_count = max(page_data.skill_count_by_capability[capability_name], completed_count)
    coverage_values = {
        "skills": language.join(
            language.translate("“%(name)s”", name=name) for name in combined_names[:_MAX_SKILL_NAMES]
        ),
        "completed": language.format_number(completed_count),
        "capability": capability_name,
        "stage": language.name_stage(step["to_stage"]),
    }
    if step["kind"] == "refresh":
        return language.translate_count(
            "It belongs with %(skills)s, which you hold: you hold %(completed)s of %(count)s micro-skill of "
            "“%(capability)s”.",
            "It belongs with %(skills)s, which you hold: you hold %(completed)s of %(count)s micro-skills of "
            "“%(capability)s”.",
            skill_count,
            **coverage_values,
        )
    if step["kind"] == "new":
        return language.translate_count(
            "With %(skills)s, which you hold, it brings you to %(completed)s of %(count)s micro-skill of "
            "“%(capability)s”.",
            "With %(skills)s, which you hold, it brings you to %(completed)s of %(count)s micro-skills of "
            "“%(capability)s”.",
            skill_count,
            **coverage_values,
        )
    return language.translate_count(
        "With %(skills)s, which you hold, it brings you to %(completed)s of %(count)s micro-skill of “%(capability)s” "
        "at the stage “%(stage)s” or above.",
        "With %(skills)s, which you hold, it brings you to %(completed)s of %(count)s micro-skills of “%(capability)s” "
        "at the stage “%(stage)s” or above.",
        skill_count,
        **coverage_values,
    )


def describe_likelihood(step: Row, page_data: PageData, language: PageLanguage) -> str:
    """The estimated chance, with the days it is about; the model's horizon may differ from today's policy."""
    probability, horizon_days = step["probability"], page_data.horizon_by_model.get(step["model_version"])
    chance_in_100 = None if probability is None else round(100 * probability)
    return _describe_chance(chance_in_100, horizon_days, step["as_of"], language)


@lru_cache(_CACHED_TEXT_COUNT)
def _describe_chance(
    chance_in_100: int | None, horizon_days: int | None, as_of: date | None, language: PageLanguage
) -> str:
    if chance_in_100 is None:
        return language.translate("The model does not know this step yet, so it estimates no chance.")
    if chance_in_100 < 1:
        chance_text = language.translate("less than 1 in 100")
    elif chance_in_100 > 99:
        chance_text = language.translate("more than 99 in 100")
    else:
        chance_text = language.translate("%(number)s in 100", number=language.format_number(chance_in_100))
    if horizon_days is None or as_of is None:
        return language.translate("Estimated chance that you reach it: %(chance)s.", chance=chance_text)
    return language.translate_count(
        "Estimated chance that you reach it within %(count)s day, by %(date)s: %(chance)s.",
        "Estimated chance that you reach it within %(count)s days, by %(date)s: %(chance)s.",
        horizon_days,
        chance=chance_text,
        date=language.format_date(as_of + timedelta(days=horizon_days)),
    )


def describe_motives(step: Row, has_stated_wish: bool, language: PageLanguage) -> tuple[Motive, ...]:
    """The three motives: what each is about, its share in whole percent or None, and a text."""
    percents = (
        None if step[motive] is None else round(100 * step[motive]) for motive in ("mastery", "autonomy", "purpose")
    )
    return _describe_motives(*percents, has_stated_wish, language)


@lru_cache(_CACHED_TEXT_COUNT)
def _describe_motives(
    mastery: int | None, autonomy: int | None, purpose: int | None, has_stated_wish: bool, language: PageLanguage
) -> tuple[Motive, ...]:
    if autonomy:
        autonomy_text = language.format_share(autonomy / 100)
    elif autonomy is not None:
        autonomy_text = language.translate("Your stated wishes are about something else.")
    elif has_stated_wish:
        autonomy_text = language.translate("No wish of yours was used for this step.")
    else:
        autonomy_text = language.translate("You have stated no wish.")
    return (
        (language.translate("How far it takes you"), mastery, language.format_share((mastery or 0) / 100)),
        (language.translate("How well it fits your wishes"), autonomy or None, autonomy_text),
        (
            language.translate("How much the organisation needs it"),
            purpose,
            language.format_share((purpose or 0) / 100),
        ),
    )


def describe_how(step: Row, language: PageLanguage) -> tuple[str, bool]:
    """How to practise a step.

    Returns:
        The text, and whether it is in the language of the page: a published sentence of an unknown form stays as it is.
    """
    published_text, time_text = split_time_text(step["how"] or "", language)
    action_text = published_text.removesuffix(_FEEDBACK_SENTENCE)
    if course_match := _COURSE_PATTERN.fullmatch(action_text):
        how_text = language.translate("Begin with “%(course)s”.", course=course_match["course"])
        if course_match["project"]:
            how_text += " " + language.translate(
                "Then practise it on project %(project)s, which has open work for it.", project=course_match["project"]
            )
    elif project_match := _PROJECT_PATTERN.fullmatch(action_text):
        how_text = language.translate(
            "Practise it on project %(project)s, which has open work for it.", project=project_match["project"]
        )
    elif colleagues_match := _COLLEAGUES_PATTERN.fullmatch(action_text):
        how_text = language.translate_count(
            "Ask to watch: %(count)s colleague practised it lately.",
            "Ask to watch: %(count)s colleagues practised it lately.",
            int(colleagues_match["count"]),
        )
    elif published_text.startswith(_NOTHING_KNOWN_SENTENCE):
        how_text = language.translate(
            "No project, course or colleague is known for it yet: ask your lead for a first piece of work."
        )
    else:
        return step["how"] or "", language.code == "en"
    if published_text.endswith(_FEEDBACK_SENTENCE):
        how_text += " " + language.translate("Then ask someone who saw your work for feedback.")
    return how_text + time_text, True


def describe_companions(
    step: Row, companions: list[Row], page_data: PageData, language: PageLanguage
) -> list[tuple[str, str]]:
    """The relation and a sentence for each companion of a step, in the order follow, walk with, lead."""
    own_companions = sorted(
        (companion for companion in companions if companion["skill_id"] == step["skill_id"]),
        key=lambda companion: RELATIONS.index(companion["relation"]),
    )
    return [
        (
            language.translate(_RELATION_TEXTS[companion["relation"]]),
            _describe_named(step, companion, page_data, language)
            if companion["companion_id"]
            else _describe_counted(companion, page_data, language),
        )
        for companion in own_companions
    ]


def _describe_named(step: Row, companion: Row, page_data: PageData, language: PageLanguage) -> str:
    values = {
        "name": page_data.person_name(companion["companion_id"]),
        "skill": page_data.skill_name(companion["companion_skill_id"]),
    }
    if companion["relation"] == "walk_with":
        sentence = language.translate("%(name)s has the same step on their list.", **values)
    elif companion["relation"] == "lead":
        sentence = language.translate(
            "%(name)s is one stage behind you in “%(skill)s” and has it as a next step.", **values
        )
    elif step["kind"] == "refresh":
        sentence = language.translate("%(name)s has refreshed it too.", **values)
    elif step["kind"] == "new":
        sentence = language.translate("%(name)s took it up before you.", **values)
    else:
        sentence = language.translate("%(name)s made this move before you.", **values)
    unit_sentence = (
        language.translate("You work in the same unit.") if companion["why"].endswith(_SAME_UNIT_SENTENCE) else ""
    )
    return " ".join(filter(None, (sentence, _describe_months(companion["why"], language), unit_sentence)))


def _describe_counted(companion: Row, page_data: PageData, language: PageLanguage) -> str:
    people_count = companion["standing_count"]
    unit_match = _UNIT_PATTERN.match(companion["why"])
    people_text = language.translate_count("%(count)s person", "%(count)s people", people_count)
    if unit_match:
        people_text = language.translate("%(people)s in %(unit)s", people=people_text, unit=unit_match["unit"])
    sentence = {
        "follow": lambda: language.translate("%(people)s made this move.", people=people_text),
        "walk_with": lambda: language.translate("%(people)s have this step on their list too.", people=people_text),
        "lead": lambda: language.translate(
            "%(people)s are one stage behind you in “%(skill)s” and have it as a next step.",
            people=people_text,
            skill=page_data.skill_name(companion["companion_skill_id"]),
        ),
    }[companion["relation"]]()
    return " ".join(filter(None, (sentence, _describe_months(companion["why"], language))))


def _describe_months(published_text: str, language: PageLanguage) -> str:
    months_match = _MONTHS_PATTERN.search(published_text)
    if not months_match:
        return ""
    months_word = months_match["months"] or "one"
    if months_word not in _NUMBER_BY_WORD and not months_word.isdigit():
        return ""
    month_count = _NUMBER_BY_WORD.get(months_word) or int(months_word)
    if " on average." in published_text:
        return language.translate_count(
            "It took about %(count)s month on average.", "It took about %(count)s months on average.", month_count
        )
    return language.translate_count("It took about %(count)s month.", "It took about %(count)s months.", month_count)


def describe_counterfactual(change: Row | None, page_data: PageData, language: PageLanguage) -> str:
    """The one change that would have moved or removed the step; empty if no single change would."""
    if change is None:
        return ""
    if change["change_of"] == "wish":
        return _describe_wish_change(change, page_data, language)
    if change["change"] == "add":
        cause = language.translate(_ADDED_EVIDENCE_TEXTS[change["mode"]])
        return language.translate("%(cause)s: the step would then be done.", cause=cause)
    evidence_kind = change["feedback_kind"] if change["mode"] == "feedback" else change["mode"]
    cause = language.translate(
        _REMOVED_EVIDENCE_TEXTS[evidence_kind or "feedback"],
        date=language.format_date(change["occurred_at"].date()),
    )
    if STAGE_INDEX[change["stage_after"] or "none"] == 0:
        return language.translate(
            "%(cause)s you would not have reached a stage in it yet, and the step would not be here.", cause=cause
        )
    return language.translate(
        "%(cause)s you would be at the stage “%(stage)s” in it, and the step would not be here.",
        cause=cause,
        stage=language.name_stage(change["stage_after"]),
    )


def _describe_wish_change(change: Row, page_data: PageData, language: PageLanguage) -> str:
    is_own_skill = change["changed_skill_id"] == change["skill_id"]
    if change["change"] == "remove":
        cause = language.translate("Without your wish for it,")
    elif is_own_skill:
        cause = language.translate("If you had said that you want it,")
    else:
        cause = language.translate(
            "If you had said that you want “%(skill)s”,", skill=page_data.skill_name(change["changed_skill_id"])
        )
    if change["to_rank"] is None:
        return language.translate("%(cause)s the step would not be on this list.", cause=cause)
    return language.translate(
        "%(cause)s the step would be in place %(to)s instead of %(from)s.",
        **{"cause": cause, "to": change["to_rank"], "from": change["rank"]},
    )
