"""Competition says what a person's contest results open.

Owns: the register (editions, projects, teams, roles, awards), imports of result files, one document per assessed case.
Hears: intake.case.v1.
Says: competition.assessment.v1 (made).
"""
