"""Pages for people: a static site, written with the snapshot, that asks no network for anything."""
