"""The managers' face: Django's admin over every noun, for the operators of the whole installation.

A superuser, and staff whom Django's permissions let in, see the rows of all organizations here. Who
should see one organization only is given a membership in it and uses the pages and the API, which
start from `visible_to(actor)`; such a person does not need staff status.
"""
