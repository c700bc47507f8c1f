"""Commands that run until they are ended: the Dagster UI, and the web application."""
