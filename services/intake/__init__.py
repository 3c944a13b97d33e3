"""Intake takes applications in and answers for them.

Owns: cases, claims, rounds, the ordinary road, determinations.
Hears: equivalence.assessment.v1, competition.assessment.v1, notify.message.v1.
Says: intake.case.v1 (submitted, amended, held, asked-again, determined, withdrawn, erased).
"""
