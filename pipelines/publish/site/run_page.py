"""The page about the run: what was read, what was set aside, and how well the ranker does, for whom.

Belongs here: the counts and figures of one run, and its charts.
Does not belong here: drawing (`charts`, `drawn_charts`), the pages of people and teams (`pages`).
"""

import json
from collections.abc import Iterator

import polars as pl

from pipelines.contracts.catalog import ASPIRATION, CONSENT, DELIVERY, PREFERENCE, REPLY
from pipelines.contracts.columns import PAUSED
from pipelines.contracts.feature_tables import EVALUATION, MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.publish.site.charts import draw_calibration, draw_intervals
from pipelines.publish.site.drawn_charts import DrawnCharts
from pipelines.publish.site.free_choice_section import describe_free_choice
from pipelines.publish.site.language import PageLanguage, message
from pipelines.publish.site.page_data import PageData, Row, heading
from pipelines.publish.site.run_section import Section
from pipelines.storage.lake import Lake

_SEGMENT_TEXTS = {
    "long": message("people with a long history"),
    "short": message("people with a short history"),
    "cold": message("people with almost no history"),
    "no_history": message("people without a history"),
    "cold_skills": message("steps that few people have taken"),
}
_DELIVERY_TEXTS = {
    "landed": message("read"),
    "already_landed": message("read before"),
    "refused": message("refused"),
    "acknowledged": message("refused and acknowledged"),
}
_REASON_TEXTS = {
    "recommended": message("with recommended steps"),
    "too_little_evidence": message("too little evidence"),
    "nothing_eligible": message("nothing open that is not reached already"),
    "opted_out": message("asked for no recommendations"),
    PAUSED: message("recommendations are paused for everybody"),
    "all_dismissed": message("dismissed everything that is open"),
}


def build_run_sections(
    page_data: PageData, drawn_charts: DrawnCharts, language: PageLanguage | None = None
) -> list[Section]:
    """Describe the run that made the snapshot.

    Args:
        page_data: The input of the pages.
        drawn_charts: The charts of earlier pages; gets those of the page.
        language: The language of the page; that of `page_data` if None.

    Returns:
        The sections of the page, in order; evaluation, calibration and fairness only if they were measured.
    """
    language = language or page_data.language
    evaluation = page_data.lake.scan(EVALUATION).collect()
    return [
        _describe_people(page_data, language),
        _describe_sources(page_data, language),
        *_describe_models(evaluation, page_data.smallest_team, drawn_charts, language),
        *_describe_calibration(page_data, drawn_charts, language),
        *_describe_segments(evaluation, page_data.smallest_team, drawn_charts, language),
        *describe_free_choice(page_data, language),
        _describe_tables(page_data, language),
    ]


def _describe_tables(page_data: PageData, language: PageLanguage) -> Section:
    return Section(
        language.translate("Published tables"),
        language.translate("Every table of this snapshot, by the name under which other systems read it."),
        [language.translate("table"), language.translate("version"), language.translate("rows")],
        [[table.name, table.schema_version, language.format_number(table.rows)] for table in page_data.snapshot.tables],
        text_column_count=2,
    )


def _describe_people(page_data: PageData, language: PageLanguage) -> Section:
    people_count_by_reason = (
        page_data.snapshot.scan(NEXT_SKILL.name)
        .group_by(pl.col("no_recommendation_reason").fill_null("recommended"))
        .agg(pl.col("person_id").n_unique())
        .sort("no_recommendation_reason")
        .collect()
    )
    reason_rows = [
        [language.translate(_REASON_TEXTS[reason]), language.format_number(people_count)]
        for reason, people_count in people_count_by_reason.iter_rows()
        if people_count >= page_data.smallest_team
    ]
    section_texts = [
        language.translate(
            "How many people got a list, and why others did not. Numbers below %(count)s are left out.",
            count=page_data.smallest_team,
        )
    ]
    if page_data.pause is not None:
        section_texts.append(
            language.translate(
                "Recommendations are paused for everybody since %(day)s. The reason: %(reason)s",
                day=language.format_date(page_data.pause["paused_at"].date()),
                reason=page_data.pause["pause_reason"],
            )
        )
    return Section(
        language.translate("People"),
        " ".join(section_texts),
        [language.translate("result"), language.translate("people")],
        reason_rows,
    )


def _describe_sources(page_data: PageData, language: PageLanguage) -> Section:
    delivery_counts = (
        page_data.lake.scan(DELIVERY)
        .group_by("source_name", "delivery_status")
        .agg(pl.len().alias("files"), pl.col("good_count", "bad_count").sum())
        .sort("source_name", "delivery_status")
        .collect()
    )
    stating_sources = _list_stating_sources(page_data.lake)

    def format_rows(source_name: str, row_count: int | None) -> str:
        is_left_out = source_name in stating_sources and (row_count or 0) < page_data.smallest_team
        return "–" if is_left_out else language.format_number(row_count or 0)

    source_rows = [
        [
            source_name,
            language.translate(_DELIVERY_TEXTS[delivery_status]),
            language.format_number(file_count),
            format_rows(source_name, good_count),
            language.format_number(bad_count or 0),
        ]
        for source_name, delivery_status, file_count, good_count, bad_count in delivery_counts.iter_rows()
    ]
    return Section(
        language.translate("Sources and quarantine"),
        language.translate(
            "Files of each source since the first run, accepted rows, and rows in quarantine. What people stated "
            "themselves is counted from %(count)s rows on.",
            count=language.format_number(page_data.smallest_team),
        ),
        [
            language.translate("source"),
            language.translate("status"),
            language.translate("files"),
            language.translate("accepted rows"),
            language.translate("rows in quarantine"),
        ],
        source_rows,
        text_column_count=2,
    )


def _list_stating_sources(lake: Lake) -> frozenset[str]:
    """The sources of what people state themselves: few rows of one, such as two opt-outs, are few people."""
    return frozenset(
        source_name
        for table in (PREFERENCE, CONSENT, REPLY, ASPIRATION)
        for source_name in lake.scan(table).select("source_name").unique().collect().to_series()
    )


def _describe_models(
    evaluation: pl.DataFrame, smallest_team: int, drawn_charts: DrawnCharts, language: PageLanguage
) -> Iterator[Section]:
    model_rows = _select_measured(evaluation.filter(segment="all"), smallest_team).sort("ndcg_at_10", descending=True)
    if model_rows.height:
        yield Section(
            language.translate("Evaluation"),
            language.translate(
                "How well each model ranked the steps that people took afterwards, measured on a past that was hidden "
                "from it: 1 is a perfect list."
            ),
            [language.translate("model"), *_list_metric_headings(language), "HR@10", "MRR"],
            [
                [
                    heading(model_row["model"]),
                    *_format_ndcg(model_row, language),
                    _format_metric(model_row["hr_at_10"], language),
                    _format_metric(model_row["mrr"], language),
                ]
                for model_row in model_rows.iter_rows(named=True)
            ],
            chart=_draw_ndcg(model_rows, [heading(model_name) for model_name in model_rows["model"]], drawn_charts),
            chart_label=language.translate("NDCG@10 of each model with its 95 % interval; the table has the numbers."),
        )


def _describe_segments(
    evaluation: pl.DataFrame, smallest_team: int, drawn_charts: DrawnCharts, language: PageLanguage
) -> Iterator[Section]:
    segment_rows = _select_measured(evaluation.filter(pl.col("segment") != "all"), smallest_team).sort("segment")
    if "footsteps" in segment_rows["model"]:
        segment_rows = segment_rows.filter(model="footsteps")
    segment_names = [_name_segment(segment, language) for segment in segment_rows["segment"]]
    if segment_rows.height:
        yield Section(
            language.translate("Fairness"),
            language.translate(
                "The same for groups of people. If the intervals of two groups do not overlap, the ranker serves one "
                "of them less well. Groups of fewer than %(count)s people are left out.",
                count=smallest_team,
            ),
            [language.translate("group"), *_list_metric_headings(language), language.translate("people")],
            [
                [
                    segment_name,
                    *_format_ndcg(segment_row, language),
                    language.format_number(segment_row["people_count"]),
                ]
                for segment_name, segment_row in zip(segment_names, segment_rows.iter_rows(named=True), strict=True)
            ],
            chart=_draw_ndcg(segment_rows, segment_names, drawn_charts),
            chart_label=language.translate("NDCG@10 of each group with its 95 % interval; the table has the numbers."),
        )


def _select_measured(evaluation: pl.DataFrame, smallest_team: int) -> pl.DataFrame:
    """The rows with a figure about enough people: of nobody, a figure of 0 would say that the ranker fails."""
    return evaluation.filter(pl.col("people_count") >= smallest_team).drop_nulls("ndcg_at_10")


def _name_segment(segment: str, language: PageLanguage) -> str:
    return language.translate(_SEGMENT_TEXTS[segment]) if segment in _SEGMENT_TEXTS else segment.replace("_", " ")


def _describe_calibration(page_data: PageData, drawn_charts: DrawnCharts, language: PageLanguage) -> Iterator[Section]:
    """The reliability diagram of the ranker's card, if its last evaluation has one."""
    model_cards = page_data.lake.scan(MODEL_CARD).collect()
    reliability = json.loads(model_cards["card"][0]).get("reliability") if model_cards.height else None
    if reliability and (reliability_bins := [entry for entry in reliability["bins"] if entry["n"]]):
        yield Section(
            language.translate("Calibration"),
            language.translate(
                "Of 100 predictions of a chance of 30 in 100, about 30 should come true: the nearer to the diagonal, "
                "the better. The mean distance is %(distance)s over %(count)s predictions.",
                distance=_format_metric(reliability["ece"], language),
                count=language.format_number(reliability["n"]),
            ),
            [language.translate("predictions"), language.translate("predicted"), language.translate("came true")],
            [
                [
                    language.format_number(reliability_bin["n"]),
                    _format_metric(reliability_bin["said"], language),
                    _format_metric(reliability_bin["came_true"], language),
                ]
                for reliability_bin in reliability_bins
            ],
            text_column_count=0,
            chart=drawn_charts.draw(
                draw_calibration,
                [reliability_bin["said"] for reliability_bin in reliability_bins],
                [reliability_bin["came_true"] for reliability_bin in reliability_bins],
                (language.translate("predicted"), language.translate("came true")),
            ),
            chart_label=language.translate(
                "Predicted against observed share, with the diagonal; the table has the numbers."
            ),
        )


def _draw_ndcg(evaluation: pl.DataFrame, row_labels: list[str], drawn_charts: DrawnCharts) -> str:
    ndcg_rows = evaluation.select("ndcg_at_10", "ndcg_at_10_low", "ndcg_at_10_high")
    return drawn_charts.draw(
        draw_intervals,
        [
            (row_label, ndcg, ndcg_low, ndcg_high)
            for row_label, (ndcg, ndcg_low, ndcg_high) in zip(row_labels, ndcg_rows.iter_rows(), strict=True)
        ],
        "NDCG@10",
    )


def _list_metric_headings(language: PageLanguage) -> list[str]:
    return ["NDCG@10", language.translate("95 % interval")]


def _format_ndcg(evaluation_row: Row, language: PageLanguage) -> list[str]:
    """The NDCG and its interval."""
    ndcg_low, ndcg_high = evaluation_row["ndcg_at_10_low"], evaluation_row["ndcg_at_10_high"]
    interval_text = (
        "–"
        if ndcg_low is None or ndcg_high is None
        else language.translate(
            "%(low)s to %(high)s", low=_format_metric(ndcg_low, language), high=_format_metric(ndcg_high, language)
        )
    )
    return [_format_metric(evaluation_row["ndcg_at_10"], language), interval_text]


def _format_metric(metric_value: float | None, language: PageLanguage) -> str:
    return "–" if metric_value is None else language.format_number(metric_value, decimals=3)
