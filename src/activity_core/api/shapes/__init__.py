"""The shapes of what the API answers, for OpenAPI and for the tests that hold answers to them.

Answers are not built from these models: they come as JSON from `ports.reading` and go out as they
are. Times are RFC 3339 in UTC; what is unknown or not there yet is null.
"""
