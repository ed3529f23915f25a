"""The one place that knows the version of jkbridge."""

VERSION = "0.1.0"
