"""The seeded simulation of a company: people, skills, practice and forgetting."""
