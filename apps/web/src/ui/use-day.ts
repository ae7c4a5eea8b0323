import { useEffect, useState } from 'react';
import { dayOf } from '../shared/format.ts';

/** Midnight of the current day; changes when the day does. */
export function useToday(): number {
  const [today, setToday] = useState(() => dayOf(Date.now()));
  useEffect(() => {
    const check = (): void => setToday(dayOf(Date.now()));
    const timer = setInterval(check, 60_000);
    document.addEventListener('visibilitychange', check);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', check);
    };
  }, []);
  return today;
}
