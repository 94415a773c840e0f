# Makes the role that awo connects as: it owns its schema and nothing else. The image of PostgreSQL runs this once, when the
# database is made.
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password AWO_DATABASE_PASSWORD
CREATE ROLE awo LOGIN PASSWORD :'password';
CREATE SCHEMA awo AUTHORIZATION awo;
SQL
