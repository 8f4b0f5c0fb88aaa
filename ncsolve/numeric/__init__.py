"""The referee: descent, second derivatives and certificates on the raw objective. Knows no closed form."""
