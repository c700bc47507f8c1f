"""When runs start and what they select: jobs, schedules, sensors, partitions, alerts, and their upgrade."""
