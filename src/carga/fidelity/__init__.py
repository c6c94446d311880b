"""Whether cheap users are a faithful stand-in: the same users in two engines, compared by what the network saw."""
