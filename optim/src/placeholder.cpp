// Optimisers, schedules and clipping.
