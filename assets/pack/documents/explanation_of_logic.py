"""The explanation of the logic.

Belongs here: procedure and principles by which a person's rows come about, in the order in which they apply.
Does not belong here: figures of the model in use (the model card).
"""

from assets.pack.documents import shared
from assets.pack.statements import CODE, COLUMN, COMMAND, POLICY, TEST, PackDocument, Section, state

EXPLANATION_OF_LOGIC = PackDocument(
    "explanation_of_logic",
    "Explanation of the logic",
    "Articles 15(1)(h) and 22 GDPR; CJEU, judgment of 27 February 2025, C-203/22, Dun & Bradstreet Austria; "
    "Article 86 AI Act",
    (
        Section(
            "1. Evidence",
            (
                state(
                    "Records of the exports become evidence of four modes: attended or completed, done in work, "
                    "judged by "
                    "others, taught.",
                    mode=COLUMN("core_skill__event_evidence.mode"),
                    file=COLUMN("out__evidence.file_sha256"),
                ),
                state(
                    "Each row of evidence leads to the file and the row it came from.",
                    row=COLUMN("out__evidence.row_number"),
                    test=TEST(
                        "tests/benchmarks/test_counterfactual_replay.py::test_every_held_stage_leads_to_rows_of_landed_files"
                    ),
                ),
            ),
        ),
        Section(
            "2. Stages",
            (
                state(
                    "Journeyman needs {hours} hours of work or {days} days of it, and {feedback} positive "
                    "judgement(s).",
                    hours=POLICY("stages.journeyman.repetition_hours"),
                    days=POLICY("stages.journeyman.repetition_days"),
                    feedback=POLICY("stages.journeyman.positive_feedback"),
                    code=CODE("ml.mastery.stages:compute_reached_stage"),
                ),
                state(
                    "Master needs {hours} hours or {days} days of work over {span} days, {judges} people who judge "
                    "positively, and passing it on {teaching} times or {reviews} reviews.",
                    hours=POLICY("stages.master.repetition_hours"),
                    days=POLICY("stages.master.repetition_days"),
                    span=POLICY("stages.master.sustained_days"),
                    judges=POLICY("stages.master.judges"),
                    teaching=POLICY("stages.master.teaching"),
                    reviews=POLICY("stages.master.reviews"),
                    code=CODE("ml.mastery.stages:compute_reached_stage"),
                ),
                state(
                    "Courses and judgements alone never lead beyond apprentice.",
                    test=TEST(
                        "tests/ml/mastery/test_state.py::test_courses_and_feedback_alone_never_reach_beyond_apprentice"
                    ),
                ),
                state(
                    "A judgement about oneself is kept and changes no stage; judgements with a trust below {trust} "
                    "do not "
                    "count for a stage.",
                    trust=POLICY("stages.trust.counted_share"),
                    test=TEST(
                        "tests/ml/mastery/test_state.py::test_feedback_about_oneself_is_counted_but_changes_no_stage"
                    ),
                ),
                state(
                    "The row says what is missing for the next stage.",
                    missing=COLUMN("out__mastery.missing_for_next"),
                    code=CODE("ml.mastery.stages:list_missing_requirements"),
                ),
            ),
        ),
        Section(
            "3. Which steps may be recommended",
            (
                state(
                    "Only the next stage of a micro-skill, or refreshing one that was not practised, is eligible.",
                    code=CODE("ml.recommend.reranking:filter_eligible_steps"),
                    test=TEST(
                        "tests/ml/recommend/test_reranking.py::"
                        "test_only_the_next_stage_or_a_refresh_of_a_rusty_skill_is_eligible"
                    ),
                ),
                state(
                    "A dismissed step stays away for {days} days, and replies of the person apply before the list is "
                    "made.",
                    days=POLICY("replies.dismissed_days"),
                    kinds=COLUMN("core_wish__event_reply.reply_kind"),
                ),
            ),
        ),
        Section(
            "4. Probability and order",
            (
                state(
                    "A model that learned from the company's own history estimates how probable it is that the person "
                    "reaches the step within {days} days. It is trained on steps that people reached.",
                    days=POLICY("horizon_days"),
                    probability=COLUMN("out__next_skill.probability"),
                    history=COLUMN("feat_step__event_reached.reached_at"),
                ),
                state(
                    "The probability is calibrated on outcomes that the model had not seen.",
                    code=CODE("ml.ranking.calibration:fit_calibrator"),
                    test=TEST(
                        "tests/ml/ranking/test_calibration.py::"
                        "test_the_calibrator_learns_the_probabilities_that_outcomes_were_drawn_with"
                    ),
                ),
                state(
                    "The order blends the probability (weight {probability}) with three motives: how far it carries "
                    "the person "
                    "({mastery}), what the person wishes ({autonomy}) and what the company needs ({purpose}). A "
                    "person may "
                    "state their own weights of the motives.",
                    probability=POLICY("weights.probability"),
                    mastery=POLICY("weights.mastery"),
                    autonomy=POLICY("weights.autonomy"),
                    purpose=POLICY("weights.purpose"),
                    own=COLUMN("core_wish__event_aspiration.mastery_weight"),
                    test=TEST(
                        "tests/ml/recommend/test_reranking.py::"
                        "test_the_score_is_a_weighted_mean_of_relative_probability_and_motives"
                    ),
                ),
                state(
                    "A list has at most {length} steps, {capability} of one capability.",
                    length=POLICY("list_length"),
                    capability=POLICY("per_capability"),
                    code=CODE("ml.recommend.reranking:select_listed_steps"),
                ),
            ),
            table_name="features",
        ),
        Section(
            "5. What a person is told of a row",
            (
                state(
                    "Reasons are the true parts of the score and of the model, not an approximation of them.",
                    reasons=COLUMN("out__next_skill.reasons"),
                    test=TEST(
                        "tests/ml/ranking/test_recommender.py::"
                        "test_a_row_has_rank_probability_and_contributions_that_add_up_to_the_utility"
                    ),
                ),
                state(
                    "One sentence is made of the reasons, and names no person.",
                    explanation=COLUMN("out__next_skill.explanation"),
                    test=TEST("tests/ml/recommend/test_reranking.py::test_texts_name_no_person"),
                ),
                state(
                    "If one change in the person's own data would have moved the row, it is named, with its effect.",
                    change=COLUMN("out__counterfactual.change"),
                    effect=COLUMN("out__counterfactual.row_effect"),
                    test=TEST(
                        "tests/ml/recommend/test_counterfactuals.py::test_every_counterfactual_has_the_stated_effect"
                    ),
                ),
                state(
                    "`{command}` prints a person's rows with their reasons and stages.",
                    command=COMMAND("show"),
                    test=TEST("tests/assets/cli/test_app.py::test_a_person_is_shown_with_steps_and_stages"),
                ),
                shared.ACCESS,
            ),
            "a person who asks is to be told in concise, plain words which of their data were used and how, for "
            "their own rows: "
            "the reasons, the sentence and the change of each row are made for that. Whether trade secrets or rights "
            "of others "
            "limit the answer is for the authority or court to weigh (C-203/22).",
        ),
        Section("6. Limits", (shared.OWN_LIST, shared.SUGGESTION, shared.DEVELOPMENT_ONLY, shared.SMALL_GROUPS)),
    ),
)
