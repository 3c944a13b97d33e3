"""The bus on Kafka, by aiokafka, which is known to this folder alone.

Kafka transactions are not used: handlers are idempotent, and a mark of what was handled is saved with their effect.
What aiokafka 0.14 does when a broker is gone shapes this folder: calls that wait for ever have limits here, a producer
is replaced after any failure (an idempotent one can stay stuck), and what cannot be stopped is taken apart.
"""
