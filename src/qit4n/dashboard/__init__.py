"""The dashboard: what an operator leaves open all day. Views are functions of the network, its status and its history.

Pages are served by the manager. Identifiers and amounts only: no key material reaches this folder.
"""
