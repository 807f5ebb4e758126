"""Key supply agent (KSA, ITU-T Y.3803): keys for applications, who may have them, and the copies that wait for them."""
