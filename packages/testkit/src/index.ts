export { SimulatedClock } from './clock.ts';
export { ScriptedDevice, type Wire } from './device.ts';
export { History, type Shown } from './history.ts';
export { type LogEntry, LogSink } from './log.ts';
export { type ClientSide, SimulatedConnection } from './network.ts';
export { SeededRandom } from './random.ts';
