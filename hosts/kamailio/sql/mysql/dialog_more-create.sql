-- What the tables of the stock module cannot hold: see docs/database.md.
CREATE TABLE dialog_more (
    id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    hash_entry INT(10) UNSIGNED NOT NULL,
    hash_id INT(10) UNSIGNED NOT NULL,
    callid VARCHAR(255) NOT NULL,
    node VARCHAR(64) NOT NULL,
    state INT(10) UNSIGNED NOT NULL,
    image MEDIUMTEXT
);

CREATE INDEX dialog_more_hash_idx ON dialog_more (hash_entry, hash_id);
CREATE INDEX dialog_more_node_idx ON dialog_more (node);

INSERT INTO version (table_name, table_version) VALUES ('dialog_more', 1);
