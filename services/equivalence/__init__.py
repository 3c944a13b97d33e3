"""Which overseas rules apply to a person?

Owns: list versions and the supplementary list (immutable, with a digest), one document of assessments per case.
Hears: intake's cases. Says: numbered assessments of the overseas road, with exemptions beside it.
Answers over HTTP what a list says of a certificate on a day. It never refuses a person: it says what the rules admit.
"""
