"""Key relay (ITU-T Y.3803, Y.3804): chunks for end-to-end pools go over trusted nodes, in shares over several paths."""
