import { types } from 'node:util';
import { CommanderError } from 'commander';
import { ConfigError, readEnvironment } from '../../config/index.js';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';

const FAILED = 1;
const MISUSED = 2;

/** Writes an error to stderr as `CODE: message`, a line each, and sets the exit code: 2 for a command that can't be, else 1. */
export async function reportFault(error: unknown): Promise<void> {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  process.exitCode = error instanceof CommanderError ? MISUSED : FAILED;
  process.stderr.write(`${(await linesOf(error)).join('\n')}\n`);
}

async function linesOf(error: unknown): Promise<string[]> {
  if (error instanceof CommanderError) return [`usage: ${usageOf(error)}`];
  if (error instanceof ConfigError) return error.faults.map((fault) => `config_invalid: ${fault}`);
  if (error instanceof StartError) return [`start_failed: ${error.message}`];
  const fault = error instanceof AppError ? error : (await import('../adapters/database.js')).databaseFault(error);
  if (fault === undefined) return [`internal_error: ${textOf(error)}`];
  const fields = fault.details.fields?.map(({ path, message }) => `${path} ${message}`);
  return (fields ?? [fault.message]).map((line) => `${fault.code}: ${line}`);
}

/** Commander's own words, on one line. It has none where a group is named without a command of it. */
function usageOf({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'a command is missing; --help lists them';
  return message.replace(/^error: /, '').replaceAll('\n', ' ');
}

function textOf(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  // The first line of the stack is not always the message: Sequelize's has none.
  const frames = isDebugging() ? (error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []) : [];
  return [error.message, ...frames].join('\n');
}

function isDebugging(): boolean {
  try {
    return ['debug', 'trace'].includes(readEnvironment()['LOG_LEVEL'] ?? '');
  } catch {
    // The .env file that can't be read is the fault that is being told.
    return false;
  }
}
