const lines = (text: string): string[] => text.trim().split(/\s+/);

/** What a service may serve by mistake: secrets, sources, copies, consoles and pages of other frameworks. */
export const PATHS: readonly string[] = lines(`
.bash_history .bashrc .config .DS_Store .docker/config.json .dockerenv .dockerignore .editorconfig .env .env.bak .env.development
.env.example .env.local .env.old .env.prod .env.production .env.save .env.test .git .git/ .git/HEAD .git/config .git/index
.git/logs/HEAD .gitattributes .github/workflows .gitignore .gitlab-ci.yml .hg .htaccess .htpasswd .idea/workspace.xml .mailrc .netrc
.npmrc .nvmrc .pgpass .prettierrc.json .profile .ssh/authorized_keys .ssh/id_ed25519 .ssh/id_rsa .svn/entries .svn/wc.db .tmp
.travis.yml .vscode/settings.json .well-known .well-known/change-password .well-known/openid-configuration .well-known/security.txt
.yarnrc.yml CHANGELOG CHANGELOG.md CONTRIBUTING.md Dockerfile Gemfile.lock LICENSE Makefile Procfile README README.md SECURITY.md
TODO Thumbs.db WEB-INF/web.xml
_config _debug _health _ignition/execute-solution _internal _next _profiler _status __debug__ __pycache__ _all_dbs
account accounts actuator actuator/beans actuator/env actuator/health actuator/heapdump actuator/httptrace actuator/mappings
actuator/prometheus admin admin/ admin.php admin/audit admin/config admin/console admin/index.html admin/login administrator
adminer.php api api/ api/admin api/config api/debug api/docs api/health api/keys api/swagger.json api/token api/users api/v1
api/v1/users api/v2 api-docs apidocs app app.js app.py app.yaml assets assets/ auth auth/login autodiscover/autodiscover.xml
backup backup/ backup/users.sql backup.db backup.sql backup.tar backup.tar.gz backup.zip backups bin build bundle.js
cache cert.pem certs cgi-bin cgi-bin/ cgi-bin/test-cgi client clientaccesspolicy.xml composer.json composer.lock config config/
config.js config.json config.php config.yml config/database.js config/database.yml config/index.js config/schema.js console
console/login core core.dump credentials credentials.json crossdomain.xml
data data/ database database.db database.sqlite database.yml db db.sql db.sqlite3 debug debug/pprof debug/vars default.db dev dev/
dev/mailbox dist dist/ dist/src/server.js docker-compose.yml docs/ docs/index.html docs/openapi.json download downloads dump dump.rdb
dump.sql elmah.axd env env.js error error.log errors/ eslint.config.js etc/passwd export export.csv
favicon.ico files files/ flag ftp graphiql graphql graphql/console h2-console health healthz healthcheck heapdump hidden home
id_rsa images include index index.html index.js index.php info info.php internal invoker/JMXInvokerServlet install install.php
jenkins jmx-console js keys keys.json kibana knip.json
lib lingomateai.db lingomateai.db-shm lingomateai.db-wal lingomateai.db.keys.json lingomateai.db.before-adoption live local log
log.txt login login.html login.php logs logs/ logs/access.log logs/error.log
mailbox main.js management manager/html manifest.json media metrics metrics/ migrations mock monitoring mysql
nginx_status node_modules node_modules/ node_modules/.package-lock.json node_modules/express/package.json npm-debug.log
oauth oauth/authorize oauth/token old openapi openapi.yaml openapi.yml opcache
package-lock.json package.json passwd password passwords.txt phpinfo.php phpmyadmin ping pma private private.key prisma prometheus
public public/ pprof
ready redoc register/ remote/login robots.txt root routes rpc
sample scripts sdk secret secret.key secrets secrets.json secrets.yml security.txt server server-info server-status server.js
server.key service.json session sessions settings settings.json setup shell shell.php signin signup sitemap.xml sql src src/
src/app.js src/container.js src/server.js src/server.ts staging static static/ stats status storage styles.css swagger
swagger-resources swagger-ui swagger-ui.html swagger-ui/index.html swagger.json swagger.yaml swagger/v1/swagger.json system
telescope temp terraform.tfstate test test.html test.php testing tests tmp tmp/ token/ token.txt tokens trace tsconfig.json
upload uploads uploads/ user user.json users users.csv users.db users.json users.sql users/ users/1 users/admin users/me/ users/me/keys
v1 v2 v3/api-docs var vendor version version.txt web web.config webmail webpack.config.js wp-admin wp-config.php wp-config.php.bak
wp-content wp-json wp-login.php xmlrpc.php yarn.lock
`);
