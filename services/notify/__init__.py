"""notify: tells the applicant, in Chinese and English, what happened to the application.

Owns: one document per case with its messages, their attempts and their states; the applicant's address stays sealed.
Hears: intake.case.v1 alone.
Says: notify.message.v1 (delivered, waiting).
"""
