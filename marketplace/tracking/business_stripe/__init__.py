"""What a business's own Stripe account tells us becomes conversions and refunds. In the order of time:

    doors      an address for each business, with Stripe's secret for it
    reading    an event of Stripe's in our words: what it is about, amounts without taxes and shipping, who bought
    inbox      kept once, with the job that handles it
    handling   a job: to the sale, the renewal, the refund or the dispute that it is
    sales      what was bought is reported as from any other source
    disputed   what a bank disputes is held, whenever its sale is counted
    giving_back  what was refunded or lost to a bank, by its part of the sale
    promotions the code that a customer typed at Stripe
"""
