"""The class of each column that only the tables about craft have; see `pipelines.contracts.classification`."""

CRAFT_ORGANISATIONAL_COLUMNS = """
    scope_kind scope_id began_people_count reached_people_count quarter_months half_months three_quarters_months
    half_low_months half_high_months unreached_share followed_months master_people_count craft_holder_count
    holder_unit_names combination_id combination_kind combined_skill_ids step_skill_ids near_people_count
    both_people_count open_work_count map_x map_y map_people_count neighbour_skill_ids
"""
CRAFT_INFERENCE_COLUMNS = """
    unusual_skill_ids opening_skill_id opened_capability_count opened_role_count opened_work_count taught_count
    first_taught_at taught_stage
"""
