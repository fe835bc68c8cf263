/** As the Azure portal shows it, over "Microsoft Entra passwordless authentication". */
export const PORTAL =
  'Server=tcp:myserver.database.windows.net,1433;Initial Catalog=app;Encrypt=True;TrustServerCertificate=False;' +
  'Connection Timeout=30;Authentication="Active Directory Default";'
/** The same of the portal's page for JDBC. */
export const PORTAL_JDBC =
  'jdbc:sqlserver://myserver.database.windows.net:1433;database=app;encrypt=true;trustServerCertificate=false;' +
  'hostNameInCertificate=*.database.windows.net;loginTimeout=30;authentication=ActiveDirectoryIntegrated'
/** The same of the portal's page for ODBC. */
export const PORTAL_ODBC =
  'Driver={ODBC Driver 18 for SQL Server};Server=tcp:myserver.database.windows.net,1433;Database=app;Encrypt=yes;' +
  'TrustServerCertificate=no;Connection Timeout=30;Authentication=ActiveDirectoryIntegrated'
