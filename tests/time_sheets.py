"""A table of worked hours of the company's own, as a source declares it."""

from pipelines.config.company import SourceConfig

TIME = SourceConfig.model_validate(
    {
        "name": "time",
        "system": "tabular",
        "shape": "worklog",
        "path": "*.csv",
        "mapping": {"record_code": "id", "account_code": "who", "worked_at": "day", "worked_hours": "hours"},
    }
)
