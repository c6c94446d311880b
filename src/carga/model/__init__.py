"""What a run is. Pure: no I/O, no clock, nothing of carga outside this package."""
