/** What the command line tool shares with the server. */
export { adminActions } from './admin.ts';
export { type Address, type Config, type DomainConfig, makeConfig } from './config/config.ts';
export { helpText, referenceText } from './config/help.ts';
export { type CommandLine, parseCommandLine, readConfig } from './config/read.ts';
export { componentSecret, type DataFolder, dataFolder, openDataFolder, serverRuns } from './data-folder.ts';
export { type Engine, openEngine } from './engine.ts';
export { createLog } from './ports/log.ts';
export { type RunningServer, startServer } from './server.ts';
export { openSmsProviders } from './sms.ts';
