"""When products are collected: targets, runs that scrapes share, and their results."""
