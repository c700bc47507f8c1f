"""The flow itself: exports in, tables out, as plain functions and declarations."""
