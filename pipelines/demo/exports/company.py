"""The exports of the demo company, each as its vendor would write it.

Belongs here: the order of the exports, for the company and block by block.
Does not belong here: the columns of a vendor (the other modules of this folder), the truth
(`pipelines.demo.planted_truth`), and anything that reads exports: a generator that imports the readers would agree with
them by construction.
"""

from pipelines.demo.exports.bamboohr import write_bamboohr
from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.jira import write_accounts, write_jira
from pipelines.demo.exports.replies import write_employee_input
from pipelines.demo.exports.tabular import write_lists
from pipelines.demo.exports.tempo import write_tempo
from pipelines.demo.exports.xapi import write_xapi
from pipelines.demo.simulation.world import History, World


def write_company_exports(world: World, export_folder: ExportFolder) -> None:
    """Write the exports about the whole company: people, accounts and the taxonomy as three plain tables."""
    write_bamboohr(world, export_folder)
    write_accounts(world, export_folder)
    export_folder.append_csv("taxonomy/skills.csv", world.catalog.skills)
    export_folder.append_csv("taxonomy/prerequisites.csv", world.catalog.prerequisites)
    export_folder.append_csv("taxonomy/role_profiles.csv", world.catalog.role_profiles)


def write_history_exports(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the history of one block of people to all exports; the same world gives the same bytes."""
    for write_export in (write_jira, write_tempo, write_xapi, write_lists, write_employee_input):
        write_export(world, history, export_folder)
